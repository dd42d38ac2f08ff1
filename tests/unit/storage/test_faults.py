"""Which errors are the server's own trouble."""

from __future__ import annotations

import errno
import os

import pytest

from backupmon.storage.faults import ServerFault, server_fault


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk.full"),
        (errno.EDQUOT, "disk.full"),
        (errno.EFBIG, "disk.full"),
        (errno.EROFS, "root.read_only"),
        (errno.EACCES, "folder.unreadable"),
        (errno.EPERM, "folder.unreadable"),
        (errno.EMFILE, "server.exhausted"),
        (errno.ENOMEM, "server.exhausted"),
        (errno.EIO, "io.error"),
        (errno.ESTALE, "io.error"),
        (errno.EXDEV, "io.error"),
    ],
)
def test_every_error_amounts_to_a_condition_that_names_its_subject(number: int, code: str) -> None:
    fault = server_fault(OSError(number, os.strerror(number)), "acme/databases")
    assert (fault.code, fault.subject) == (code, "acme/databases")
    assert "acme/databases" in fault.message
    assert os.strerror(number) in fault.message
    assert fault.hint


def test_an_error_without_a_number_is_told_in_its_own_words() -> None:
    fault = server_fault(OSError("something odd"), "x")
    assert fault.code == "io.error"
    assert "something odd" in fault.message


def test_names_that_agents_gave_are_made_fit_to_be_stored() -> None:
    fault = server_fault(OSError(errno.EIO, "Input/output error"), "a\udcff\nb\x1b[2J")
    assert fault.subject == "a\ufffd b\ufffd[2J"
    assert "\udcff" not in fault.message
    assert "\x1b" not in fault.message
    fault.subject.encode()
    fault.message.encode()


def test_a_condition_says_what_to_do() -> None:
    fault = ServerFault("x.y", "it", "it happened", "mend it")
    assert str(fault) == "it happened\nhint: mend it"

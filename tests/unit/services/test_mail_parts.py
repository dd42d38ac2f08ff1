"""How mails are written: what a reader sees is what was meant, letter for letter."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backupmon.core.text import one_line
from backupmon.services.mail_parts import Mail
from backupmon.services.mail_server import MailTextRefusedError

#: Decodes to a line feed, a header, and a body.
EVIL = "=?utf-8?q?=0AContent-Type:_text/html=0A=0A<h1>Pay_here</h1>?="
HEADERS = ["Subject", "From", "To", "Date", "Message-ID", "MIME-Version", "Content-Type"]


def mail_with(subject: str = "s", recipient: str = "b@x.org", sender: str = "a@x.org") -> Mail:
    mail = Mail(subject=subject, sender=sender, recipients=[recipient], body="plain", html="<p>")
    mail.msgId = "<a@x.org>"
    return mail


def read(mail: Mail) -> EmailMessage:
    found = message_from_bytes(mail.as_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


@given(st.text(max_size=400) | st.text("=?utf8q_ 0Aé…🔥", max_size=400))
@example(f"1 problem: {EVIL} MISSING")
@example("é" * 159 + "…")
@example("👩‍👩‍👧‍👦" * 30)
@example("a b, " * 31 + "…")
@example("x" * 2000)
@example("=?utf-8?b?CkJjYzogeEB5Cg==?= =?utf-8?q?x?=")
@example("=?")
def test_a_subject_is_read_as_it_was_meant(words: str) -> None:
    subject = one_line(words, 4000)
    found = read(mail_with(subject))
    assert found["Subject"] == subject
    assert found.get_body(("plain",)).get_content() == "plain\r\n"  # type: ignore[union-attr]
    assert found.keys() == HEADERS


@given(st.text("=?utf8q_ 0Aé…🔥", max_size=400))
def test_encoded_headers_are_lines_of_ascii_that_are_not_too_long(words: str) -> None:
    lines = mail_with(words.strip()).as_bytes().split(b"\r\n")
    assert all(line.isascii() and len(line) <= 78 for line in lines if line[:1] == b" ")


def test_names_that_need_no_encoding_stand_there_as_they_are() -> None:
    subject = "20 problems: acme: " + ", ".join(f"database_{n}" for n in range(20))
    assert f"Subject: {subject}\r\n".encode() in mail_with(subject).as_bytes()


@pytest.mark.parametrize(
    "address", ["=?utf-8?q?x=0ABcc:y?=@x.org", f"{'a' * 64}@{'b' * 60}.{'c' * 60}.org"]
)
def test_an_address_is_written_as_it_is(address: str) -> None:
    assert f"To: {address}\r\n".encode() in mail_with(recipient=address).as_bytes()


@pytest.mark.parametrize(
    "sender",
    ["Backups <a@x.org>", "Équipe de nuit, dépannage et sauvegardes <a@x.org>", "a@x.org"],
)
def test_a_sender_has_the_name_that_the_settings_give(sender: str) -> None:
    # With its other policies the library sets a blank where a name is folded.
    found = message_from_bytes(mail_with(sender=sender).as_bytes())
    assert str(make_header(decode_header(found["From"]))) == sender


def test_what_cannot_be_written_is_a_refused_mail() -> None:
    with pytest.raises(MailTextRefusedError, match="it cannot be written: UnicodeEncodeError"):
        mail_with("a \ud800").as_bytes()

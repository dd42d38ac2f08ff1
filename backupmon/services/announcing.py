"""Sending by Apprise, in a process of its own that can do little else (`apprise_child`)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from backupmon.config import Settings
from backupmon.core.channels import IN_THE_CLEAR, OWN_SERVERS, schema_of
from backupmon.core.errors import BackupmonError
from backupmon.core.words import to_translate

_CHILD = Path(__file__).with_name("apprise_child.py")
#: Seconds for all that one message takes.
TIMEOUT = 30
#: Of the environment, what finds programs' parts and certificates; no proxy and no password.
_PASSED = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_INSTALL = to_translate("pip install -r requirements-apprise.txt, then start the server again")

#: By what the child says: what is wrong, and what to do.
_WORDS = {
    "absent": (to_translate("Apprise is not installed"), _INSTALL),
    "unusable": (
        to_translate("Apprise cannot use its address"),
        to_translate("write it as Apprise's own pages say"),
    ),
    "private": (
        to_translate("it leads to a private network"),
        to_translate("set BACKUPMON_ALLOW_PRIVATE_ADDRESSES=true if that is meant"),
    ),
    "certificate": (
        to_translate("the certificate there is not believed"),
        to_translate("let REQUESTS_CA_BUNDLE name the certificates of a private authority"),
    ),
    "late": (
        to_translate("it took too long to answer"),
        to_translate("see whether the service is up"),
    ),
    "unreachable": (
        to_translate("it cannot be reached"),
        to_translate("see whether the service is up, and its name right"),
    ),
    "failed": (
        to_translate("it was not taken"),
        to_translate("check the address, and what the service says of it"),
    ),
}


class ChannelError(BackupmonError):
    """A channel did not take a message. Its words hold nothing of the address."""


def is_installed() -> bool:
    """Whether Apprise is there."""
    return importlib.util.find_spec("apprise") is not None


def check_channel(settings: Settings, url: str) -> None:
    """See whether Apprise can use an address; nothing is sent.

    Raises
    ------
    ChannelError
    """
    _ask(settings, url, None, "")


def announce(settings: Settings, url: str, title: str, body: str) -> None:
    """Send one message by a channel.

    Raises
    ------
    ChannelError
    """
    _ask(settings, url, title, body)


def _ask(settings: Settings, url: str, title: str | None, body: str) -> None:
    if not is_installed():
        raise ChannelError(*_WORDS["absent"])
    wanted = {
        "url": url,
        "title": title,
        "body": body,
        "allow_private": settings.allow_private_addresses,
        "own_server": schema_of(url) in OWN_SERVERS | IN_THE_CLEAR,
    }
    try:
        # By standard input: what is an argument, everybody on this machine may read.
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", str(_CHILD)],
            input=json.dumps(wanted),
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise ChannelError(*_WORDS["late"]) from None
    except (OSError, ValueError):
        raise ChannelError("the process that sends by it failed", "see the log") from None
    if not answer.get("ok"):
        raise _error(answer)


def _error(answer: dict[str, Any]) -> ChannelError:
    said, hint = _WORDS.get(str(answer.get("why")), _WORDS["failed"])
    status = answer.get("status")
    if isinstance(status, int) and answer.get("why") == "failed":
        said += f" (HTTP {status})"
        if 300 <= status < 400:
            hint = "no redirect is followed: let the address be the one that it leads to"
    return ChannelError(said, hint)


def _environment() -> dict[str, str]:
    found = {name: os.environ[name] for name in _PASSED if name in os.environ}
    if "SSL_CERT_FILE" in found:
        found.setdefault("REQUESTS_CA_BUNDLE", found["SSL_CERT_FILE"])
    # Nobody's: neither passwords (.netrc) nor plugins are looked for there.
    return {**found, "HOME": "/nonexistent"}

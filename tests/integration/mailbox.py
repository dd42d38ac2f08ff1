"""A mail server on loopback that keeps what arrives, and may be told to misbehave."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


@dataclass
class Mailbox:
    """What arrived, and whom the server refuses."""

    port: int
    arrived: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    #: It takes the next mail, and hangs up before it says so.
    hangs_up: bool = False
    tls: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 no such person here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.arrived.append((envelope.rcpt_tos[0], mail))
        self.tls.append(session.ssl is not None)
        if self.hangs_up:
            self.hangs_up = False
            server.transport.abort()
        return "250 OK"

    def take(self) -> list[EmailMessage]:
        """What arrived since the last look."""
        found = [mail for _, mail in self.arrived]
        self.arrived.clear()
        return found

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.take()]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The plain part, or the HTML one."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Controller(Controller):
    def __init__(self, box: Mailbox, **options: Any) -> None:
        self._options = options
        super().__init__(box, hostname="127.0.0.1", port=box.port)

    def factory(self) -> SMTP:
        return SMTP(self.handler, hostname="mail.test", **self._options)


@contextmanager
def running(
    box: Mailbox, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
) -> Iterator[Mailbox]:
    """The server, up for as long as the block lasts."""
    options: dict[str, Any] = {}
    if tls is not None:
        options = {"tls_context": tls, "require_starttls": True}
    if login is not None:
        wanted = tuple(word.encode() for word in login)
        options |= {
            "auth_required": True,
            "auth_require_tls": tls is not None,
            "authenticator": lambda _s, _n, _e, _m, data: AuthResult(
                success=(data.login, data.password) == wanted
            ),
        }
    controller = _Controller(box, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()

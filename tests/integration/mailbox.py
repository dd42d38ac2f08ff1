"""A mail server on loopback that keeps what arrives, and may be told to misbehave.

It misbehaves once for each time that it is told to, so that a second try can be seen to fare well.
"""

from __future__ import annotations

import asyncio
import socket
import socketserver
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from time import monotonic
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

_STUTTERS_FOR = 10


@dataclass
class Mailbox:
    """What arrived, and whom the server refuses."""

    port: int
    arrived: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    #: It takes the next mail, and hangs up before it says so.
    hangs_up: bool = False
    #: How often it goes away when a mail is announced, at its recipient, or before its text.
    goes_at_mail: int = 0
    goes_at_recipient: int = 0
    goes_at_data: int = 0
    #: What it answers to every sender, or to the next mails.
    sender_answer: str = ""
    data_answers: list[str] = field(default_factory=list)
    #: What it takes for a virus, for as long as it stands in mails.
    virus: str = ""
    #: Mails it takes in one connection, before it says 421; 0 is any number.
    most_in_a_connection: int = 0
    #: Seconds that it takes for each mail.
    takes: float = 0
    connections: int = 0
    tls: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.goes_at_recipient:
            self.goes_at_recipient -= 1
            server.transport.abort()
        if address in self.refused:
            return "550 5.1.1 no such person here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        # A client that only tries its sender is let off: it would learn of it too soon.
        if self.goes_at_mail and getattr(server, "was_tried", False):
            self.goes_at_mail -= 1
            server.transport.abort()
        server.was_tried = True
        if self.sender_answer:
            return self.sender_answer
        if self.most_in_a_connection and server.taken >= self.most_in_a_connection:
            return "421 4.7.0 too many mails in one connection"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data_answers:
            return self.data_answers.pop(0)
        if self.virus and self.virus.encode() in envelope.content:
            return "554 5.7.1 a virus was found"
        await asyncio.sleep(self.takes)
        server.taken += 1
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


class _Server(SMTP):
    """One connection."""

    taken = 0

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        box = self.event_handler
        if box.goes_at_data:
            box.goes_at_data -= 1
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def __init__(self, box: Mailbox, encrypted: ssl.SSLContext | None, **options: Any) -> None:
        self._options = options
        super().__init__(box, hostname="127.0.0.1", port=box.port, ssl_context=encrypted)

    def factory(self) -> SMTP:
        self.handler.connections += 1
        with warnings.catch_warnings():
            # It does not know that a connection is encrypted from the start.
            warnings.simplefilter("ignore", UserWarning)
            return _Server(self.handler, hostname="mail.test", **self._options)


@contextmanager
def running(
    box: Mailbox,
    tls: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
    encrypted: ssl.SSLContext | None = None,
) -> Iterator[Mailbox]:
    """The server, up for as long as the block lasts.

    Parameters
    ----------
    tls, encrypted:
        Its certificate, for STARTTLS or for a connection that is encrypted from the start.
    """
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
    controller = _Controller(box, encrypted, **options)
    controller.start()
    # The controller has tried whether it answers.
    box.connections = 0
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def stuttering(seconds: float, begins: bytes = b"220-", answers: int = 0) -> Iterator[int]:
    """A server that talks letter by letter and comes to no end for a while; gives its port.

    Parameters
    ----------
    seconds:
        Between two letters.
    begins:
        What it says at once.
    answers:
        So many good ones it gives in its first connection, the greeting among them.
    """
    over = threading.Event()
    good = iter(range(answers))

    class Stutterer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                said = b"220 mail.test"
                for _ in good:
                    self.wfile.write(said + b"\r\n")
                    asked = self.rfile.readline()
                    said = b"354 and then" if asked.lower() == b"data\r\n" else b"250 OK"
                self.wfile.write(begins)
                # Who never hangs up on it is found out, and does not wait for ever.
                end = monotonic() + _STUTTERS_FOR
                while monotonic() < end and not over.wait(seconds):
                    self.wfile.write(b"x")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stutterer) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield int(server.server_address[1])
        over.set()
        server.shutdown()

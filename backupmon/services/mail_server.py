"""The mail server, by Flask-Mail: with time-outs, and with certificates that are verified.

A certificate of a private authority is believed where ``SSL_CERT_FILE`` names the authority's,
as with everything that uses OpenSSL.
"""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import socket
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.errors import MessageError
from typing import Any

from flask_mail import BadHeaderError, Connection, Mail, Message, sanitize_address

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import Phrase, phrase
from backupmon.core.text import one_line
from backupmon.services.deadlines import Deadline

#: Seconds that the server may take for each answer.
TIMEOUT = 30
#: So many times as long for the answer to a whole mail, which many look through before they take
#: it: who hangs up sooner sends it twice (RFC 5321, 4.5.3.2.6, would wait for ten minutes).
_FOR_A_MAIL = 6
#: However slowly a server answers, letter by letter: then it is hung up on, and not called again.
LONGEST_CONNECTION = 480
_LONGEST_ERROR = 500
#: "Service not available, closing channel", and an answer that cannot be read.
_GONE = (421, -1)
#: "Message size exceeds fixed maximum": a fault of the mail, though its sender is refused.
_TOO_LARGE = 552
#: An address that is none, a mailbox that is full, though neither was said before the text
#: (RFC 3463; 5.2.3 is a text that is too long for the mailbox).
_OF_THE_MAILBOX = re.compile(r"5\.(?:1\.|2\.(?!3\b))")
#: What is raised where a mail, or an address, cannot be written down.
_UNWRITTEN = (BadHeaderError, MessageError, ValueError)


class MailServerError(BackupmonError):
    """The server takes no mail at all: it is dead, or does not believe us, or we not it.

    Nothing of the mail under way was taken.
    """


class MailRefusedError(BackupmonError):
    """The server took no part of this mail; others may fare better."""


class MailTextRefusedError(MailRefusedError):
    """It is what the mail says that is refused, or that cannot be written."""


class MailLostError(MailServerError):
    """The server went away between the end of a mail and its answer: nobody knows if it took it."""


class _GoneError(Exception):
    """The connection is lost, and nothing of the mail was taken."""


class _Doubting(smtplib.SMTP):
    """Knows whether a mail has been handed over whose answer is not here."""

    in_doubt = False

    def __init__(self, deadline: Deadline, *args: Any, **options: Any) -> None:
        # Before its parent, which connects.
        self._deadline = deadline
        super().__init__(*args, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._deadline.connect(host, port, timeout)

    def send(self, s: Any) -> None:
        """As its parent's: commands are words, the mail itself is bytes."""
        super().send(s)
        self.in_doubt = isinstance(s, bytes)

    def getreply(self) -> tuple[int, bytes]:
        """As its parent's, with more patience for the answer to a mail."""
        if self.in_doubt and self.sock is not None and self.timeout:
            self.sock.settimeout(_FOR_A_MAIL * self.timeout)
        answer = super().getreply()
        if self.in_doubt and answer[0] == -1:
            # Nobody knows what it says, and its parent would go on as if it said no.
            self.close()
            raise smtplib.SMTPServerDisconnected("the answer to the mail cannot be read")
        self.in_doubt = False
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        return answer


class _DoubtingEncrypted(_Doubting, smtplib.SMTP_SSL):
    """The same, encrypted from the start."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(host, port, timeout)
        return self.context.wrap_socket(plain, server_hostname=host)


class _Connection(Connection):
    """Flask-Mail's, which waits for ever and believes any certificate, mended."""

    host: _Doubting | None

    def __init__(self, mail: Any, timeout: float, longest: float) -> None:
        super().__init__(mail)
        self._timeout = timeout
        self._longest = longest
        self._deadline = Deadline(longest)

    def __enter__(self) -> _Connection:
        self._deadline.__enter__()
        return super().__enter__()

    def configure_host(self) -> _Doubting:
        """Connect, encrypt, log in, and see whether our sender is one."""
        mail, context = self.mail, ssl.create_default_context()
        place: dict[str, Any] = {"host": mail.server, "port": mail.port, "timeout": self._timeout}
        host = (
            _DoubtingEncrypted(self._deadline, context=context, **place)
            if mail.use_ssl
            else _Doubting(self._deadline, **place)
        )
        try:
            if mail.use_tls:
                host.starttls(context=context)
            if mail.username and mail.password:
                host.login(mail.username, mail.password)
            self._try_sender(host)
        except BaseException:
            host.close()
            raise
        return host

    def _try_sender(self, host: smtplib.SMTP) -> None:
        """A server that refuses our sender takes no mail, whoever it is for."""
        sender = sanitize_address(self.mail.default_sender)
        host.ehlo_or_helo_if_needed()
        code, words = host.mail(sender)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, words, sender)
        host.rset()

    def __exit__(self, *_: object) -> None:
        if self.host is not None:
            # A server that is gone already has nothing to be told.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self.host.quit()
        self._deadline.__exit__()

    def deliver(self, message: Message) -> None:
        """Hand over one mail.

        A connection that was lost before the mail had been handed over, such as by a server
        that takes so many a connection, is made anew once. One that we hung up on is not.

        Raises
        ------
        MailRefusedError
            Of which `MailTextRefusedError` is one.
        MailLostError
        MailServerError
        """
        try:
            self._hand_over(message)
        except _GoneError as gone:
            self._hand_over_anew(message, gone)

    def _hand_over_anew(self, message: Message, gone: _GoneError) -> None:
        try:
            if self._deadline.is_over:
                raise gone
            self.host = self.configure_host()
            self._hand_over(message)
        except _GoneError as error:
            cause = error.__cause__
            assert isinstance(cause, Exception)
            raise MailServerError(*self.told_of(cause)) from cause
        except (smtplib.SMTPException, OSError) as error:
            raise MailServerError(*self.told_of(error)) from error

    def _hand_over(self, message: Message) -> None:
        if self.host is not None:
            # Of the mail before, which another connection may have been lost with.
            self.host.in_doubt = False
        try:
            self.send(message)
        except (smtplib.SMTPException, OSError, *_UNWRITTEN) as error:
            if self.host is not None and self.host.in_doubt:
                raise MailLostError(*self.told_of(error)) from error
            if _is_gone(error):
                raise _GoneError from error
            if _is_of_the_text(error):
                raise MailTextRefusedError(_words_of(self.mail, error)) from error
            if _is_of_the_mail(error):
                raise MailRefusedError(_words_of(self.mail, error)) from error
            raise MailServerError(*self.told_of(error)) from error

    def told_of(self, error: Exception) -> tuple[Phrase, Phrase]:
        """What is wrong with the server, and what to do; that it took too long, where it did."""
        if self._deadline.is_over:
            error = TimeoutError(f"it came to no end within {self._longest:g} seconds")
        return _told_of(self.mail, error)


def _is_gone(error: Exception) -> bool:
    """Whether the connection is lost, or the server is about to close it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return any(code in _GONE for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code in _GONE
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return True
    return isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException)


def _is_of_the_mail(error: Exception) -> bool:
    """Whether the server refuses this mail or its recipient, and not all there are."""
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code == _TOO_LARGE
    of_mails = (
        smtplib.SMTPRecipientsRefused,
        smtplib.SMTPDataError,
        smtplib.SMTPNotSupportedError,
        *_UNWRITTEN,
    )
    return isinstance(error, of_mails)


def _is_of_the_text(error: Exception) -> bool:
    """Whether it is for what it says that the server refuses this mail, and for good."""
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code == _TOO_LARGE
    if not isinstance(error, smtplib.SMTPDataError) or error.smtp_code < 500:
        return False
    return not _OF_THE_MAILBOX.match(_decoded(error.smtp_error))


@contextmanager
def mail_server(
    settings: Settings, timeout: float = TIMEOUT, longest: float = LONGEST_CONNECTION
) -> Iterator[_Connection]:
    """A connection that mails can be handed over by; the server believes our sender.

    Parameters
    ----------
    timeout, longest:
        Seconds that the server may take for each answer, and for all of them.

    Raises
    ------
    MailServerError
    """
    mail: Any = Mail().init_mail(_config(settings), debug=False, testing=False)
    connection = _Connection(mail, timeout, longest)
    try:
        connection.__enter__()
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        connection.__exit__()
        raise MailServerError(*connection.told_of(error)) from error
    try:
        yield connection
    finally:
        connection.__exit__()


def sender_of(settings: Settings) -> str:
    """Whom mails are from."""
    return settings.mail_default_sender or f"backupmon@{socket.gethostname()}"


def new_header_id(settings: Settings, kind: str) -> str:
    """What a message is known by, with its angle brackets; `kind` is for those who look at it."""
    domain = sender_of(settings).rpartition("@")[2].strip("> ")
    return f"<{kind}-{uuid.uuid4().hex}@{domain}>"


def _config(settings: Settings) -> dict[str, Any]:
    password = settings.mail_password
    return {
        "MAIL_SERVER": settings.mail_server,
        "MAIL_PORT": settings.mail_port,
        "MAIL_USE_TLS": settings.mail_use_tls,
        "MAIL_USE_SSL": settings.mail_use_ssl,
        "MAIL_USERNAME": settings.mail_username,
        "MAIL_PASSWORD": password.get_secret_value() if password else None,
        "MAIL_DEFAULT_SENDER": sender_of(settings),
        "MAIL_SUPPRESS_SEND": False,
        # What a debugged conversation prints has the password in it.
        "MAIL_DEBUG": 0,
    }


def _told_of(mail: Any, error: Exception) -> tuple[Phrase, Phrase]:
    """What is wrong with the server, and what to do."""
    said = phrase(
        "the mail server %(address)s takes no mail: %(error)s",
        address=f"{mail.server}:{mail.port}",
        error=_words_of(mail, error),
    )
    if isinstance(error, ssl.SSLCertVerificationError):
        return said, phrase(
            "let BACKUPMON_MAIL_SERVER be a name that its certificate bears; for a private "
            "authority, let SSL_CERT_FILE name the authority's certificate"
        )
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return said, phrase("check BACKUPMON_MAIL_USERNAME and BACKUPMON_MAIL_PASSWORD")
    if isinstance(error, smtplib.SMTPSenderRefused):
        return said, phrase("check BACKUPMON_MAIL_DEFAULT_SENDER, and whether it wants a log-in")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return said, phrase(
            "it has no STARTTLS or no log-in there: check BACKUPMON_MAIL_PORT, _USE_TLS"
        )
    return said, phrase(
        "see whether it is up, and check BACKUPMON_MAIL_SERVER and BACKUPMON_MAIL_PORT; "
        "alerts wait, and none is lost"
    )


def _words_of(mail: Any, error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        said = f"{code} {_decoded(text)}"
    elif isinstance(error, smtplib.SMTPResponseException):
        said = f"{error.smtp_code} {_decoded(error.smtp_error)}"
    elif isinstance(error, BadHeaderError):
        said = "a line break in a header"
    else:
        said = str(error) or type(error).__name__
    return one_line(_without_secrets(mail, said), _LONGEST_ERROR)


def _without_secrets(mail: Any, said: str) -> str:
    """Some servers repeat in their answers what they were told, as it was or as it was encoded."""
    if not mail.password:
        return said
    plain = f"\0{mail.username}\0{mail.password}"
    for secret in (plain, mail.password):
        encoded = base64.b64encode(secret.encode()).decode()
        for words in (encoded, encoded.rstrip("="), secret):
            said = said.replace(words, "***")
    return said


def _decoded(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text

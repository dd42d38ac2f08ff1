"""The mail server, by Flask-Mail: with time-outs, and with certificates that are verified.

A certificate of a private authority is believed where ``SSL_CERT_FILE`` names the authority's,
as with everything that uses OpenSSL.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app
from flask_mail import BadHeaderError, Connection, Mail, Message

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import Phrase, phrase
from backupmon.core.text import one_line

#: Seconds that the server may take for each answer.
TIMEOUT = 30
_LONGEST_ERROR = 500


class MailServerError(BackupmonError):
    """The server takes no mail at all: it is dead, or does not believe us, or we not it."""


class MailRefusedError(BackupmonError):
    """The server took no part of this mail; others may fare better."""


class MailLostError(MailServerError):
    """The server went away in the middle of a mail: nobody knows whether it took it."""


class _Connection(Connection):
    """Flask-Mail's, which waits for ever and believes any certificate, mended."""

    def __init__(self, mail: Any, timeout: float) -> None:
        super().__init__(mail)
        self._timeout = timeout

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        """Connect, encrypt, log in."""
        mail, context = self.mail, ssl.create_default_context()
        host: smtplib.SMTP
        if mail.use_ssl:
            host = smtplib.SMTP_SSL(mail.server, mail.port, timeout=self._timeout, context=context)
        else:
            host = smtplib.SMTP(mail.server, mail.port, timeout=self._timeout)
        try:
            if mail.use_tls:
                host.starttls(context=context)
            if mail.username and mail.password:
                host.login(mail.username, mail.password)
        except BaseException:
            host.close()
            raise
        return host

    def __exit__(self, *_: object) -> None:
        if self.host is not None:
            # A server that is gone already has nothing to be told.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self.host.quit()

    def deliver(self, message: Message) -> None:
        """Hand over one mail.

        Raises
        ------
        MailRefusedError
        MailLostError
        """
        refused = (
            smtplib.SMTPRecipientsRefused,
            smtplib.SMTPResponseException,
            smtplib.SMTPNotSupportedError,
            BadHeaderError,
            UnicodeError,
        )
        try:
            self.send(message)
        except refused as error:
            raise MailRefusedError(_words_of(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailLostError(*_told_of(self.mail, error)) from error


@contextmanager
def mail_server(settings: Settings, timeout: float = TIMEOUT) -> Iterator[_Connection]:
    """A connection that mails can be handed over by.

    Raises
    ------
    MailServerError
    """
    mail: Any = Mail().init_mail(_config(settings), debug=False, testing=False)
    # Where Flask-Mail's messages look for their sender.
    current_app.extensions["mail"] = mail
    connection = _Connection(mail, timeout)
    try:
        connection.__enter__()
    except (smtplib.SMTPException, OSError) as error:
        raise MailServerError(*_told_of(mail, error)) from error
    try:
        yield connection
    finally:
        connection.__exit__()


def sender_of(settings: Settings) -> str:
    """Whom mails are from."""
    return settings.mail_default_sender or f"backupmon@{socket.gethostname()}"


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
        error=_words_of(error),
    )
    if isinstance(error, ssl.SSLCertVerificationError):
        return said, phrase(
            "let BACKUPMON_MAIL_SERVER be a name that its certificate bears; for a private "
            "authority, let SSL_CERT_FILE name the authority's certificate"
        )
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return said, phrase("check BACKUPMON_MAIL_USERNAME and BACKUPMON_MAIL_PASSWORD")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return said, phrase(
            "it has no STARTTLS or no log-in there: check BACKUPMON_MAIL_PORT, _USE_TLS"
        )
    return said, phrase(
        "see whether it is up, and check BACKUPMON_MAIL_SERVER and BACKUPMON_MAIL_PORT; "
        "alerts wait, and none is lost"
    )


def _words_of(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        said = f"{code} {_decoded(text)}"
    elif isinstance(error, smtplib.SMTPResponseException):
        said = f"{error.smtp_code} {_decoded(error.smtp_error)}"
    elif isinstance(error, BadHeaderError):
        said = "a line break in a header"
    else:
        said = str(error) or type(error).__name__
    return one_line(said, _LONGEST_ERROR)


def _decoded(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text

"""What every mail is made of."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email import policy
from email.charset import Charset
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime

from flask_mail import Message

from backupmon.services.mail_server import MailTextRefusedError

#: Nothing on the way need understand more than ASCII. Headers whose words were not encoded are
#: not folded: that would only add spaces that clients show.
_POLICY = policy.SMTP.clone(cte_type="7bit", max_line_length=998)
_UTF_8 = Charset("utf-8")
#: Bytes of an encoded word: with its frame it takes 75 characters at most (RFC 2047), and with
#: the name of its header no more than a line.
_WORD = 36
#: What a line has room for (RFC 5322), with the name of its header.
_LONGEST_PLAIN = 900
#: Nobody's absence is to be answered to us.
HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


class Mail(Message):
    """Flask-Mail's message, put together by the standard library."""

    def as_bytes(self) -> bytes:
        """The mail as it is handed over.

        Raises
        ------
        MailTextRefusedError
            When it cannot be written.
        """
        try:
            return self._message().as_bytes()
        except Exception as error:
            # Newer Pythons refuse headers that would not be read as they were meant.
            raise MailTextRefusedError(f"it cannot be written: {error!r}") from error

    def _message(self) -> EmailMessage:  # type: ignore[override]
        mail = EmailMessage(policy=_POLICY)
        for name, value in self._words():
            mail[name] = _Written(name, value)
        mail["Date"] = format_datetime(datetime.fromtimestamp(self.date or time.time(), UTC))
        mail["Message-ID"] = self.msgId
        for name, value in (self.extra_headers or {}).items():
            mail[name] = value
        mail.set_content(self.body or "", cte="quoted-printable")
        if self.html:
            mail.add_alternative(self.html, subtype="html", cte="quoted-printable")
        return mail

    def _words(self) -> list[tuple[str, str]]:
        """The headers that others than ourselves have a say in."""
        return [
            ("Subject", encoded(str(self.subject))),
            ("From", _named(str(self.sender))),
            ("To", ", ".join(str(address) for address in self.recipients)),
        ]


class _Written(str):
    """A header that is written already.

    The library would look in its words for encoded ones, decode those, and write out the line
    breaks in them: whoever names a database could add headers, and a body. What has a name it
    takes as it is.
    """

    name: str

    def __new__(cls, name: str, value: str) -> _Written:
        self = super().__new__(cls, value)
        self.name = name
        return self

    def fold(self, *, policy: EmailPolicy) -> str:
        """The lines of the header."""
        return f"{self.name}: {self}{policy.linesep}"


def encoded(words: str) -> str:
    """`words` for a header, so that a reader decodes them to just the same; lines are folded."""
    if _is_plain(words):
        return words
    pieces, piece = list[str](), ""
    for char in words:
        if len((piece + char).encode()) > _WORD:
            pieces.append(piece)
            piece = ""
        piece += char
    # Blanks between encoded words are none of the text.
    return "\r\n ".join(_UTF_8.header_encode(piece) for piece in [*pieces, piece])


def _is_plain(words: str) -> bool:
    """Whether they are read as they stand there."""
    fits = words.isascii() and words.isprintable() and len(words) <= _LONGEST_PLAIN
    return fits and words == words.strip() and "=?" not in words


def _named(sender: str) -> str:
    """An address, perhaps with a name that needs encoding."""
    name, bracket, address = sender.rpartition("<")
    return sender if sender.isascii() else f"{encoded(name.strip())} {bracket}{address}"

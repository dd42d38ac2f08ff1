"""What every mail is made of."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime

from flask_mail import Message

#: Nothing on the way need understand more than ASCII.
_POLICY = policy.SMTP.clone(cte_type="7bit")
#: Where no word needs encoding, folding would only add spaces that clients show.
_UNFOLDED = _POLICY.clone(max_line_length=998)
#: Nobody's absence is to be answered to us.
HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


class Mail(Message):
    """Flask-Mail's message, put together by the standard library, which folds headers well."""

    def _message(self) -> EmailMessage:  # type: ignore[override]
        mail = EmailMessage(policy=_UNFOLDED if self.subject.isascii() else _POLICY)
        mail["Subject"] = self.subject
        mail["From"] = str(self.sender)
        mail["To"] = ", ".join(str(address) for address in self.recipients)
        mail["Date"] = format_datetime(datetime.fromtimestamp(self.date or time.time(), UTC))
        mail["Message-ID"] = self.msgId
        for name, value in (self.extra_headers or {}).items():
            mail[name] = value
        mail.set_content(self.body or "", cte="quoted-printable")
        if self.html:
            mail.add_alternative(self.html, subtype="html", cte="quoted-printable")
        return mail

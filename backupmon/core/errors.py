"""The one exception root, whose subclasses carry the evidence and a hint."""

from __future__ import annotations

from backupmon.core.phrases import Phrase, in_english


class BackupmonError(Exception):
    """Something an operator must know: what happened, to what, and what to do.

    Parameters
    ----------
    message:
        What happened, and to which thing, in one sentence.
    hint:
        What the operator can do about it; empty when nothing can be advised.

    Both are kept as English text. Where a phrase is given, pages say it in other languages too.
    """

    def __init__(self, message: Phrase | str, hint: Phrase | str = "") -> None:
        self.message = in_english(message)
        self.hint = in_english(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ScheduleError(BackupmonError):
    """A cron expression or a time zone that cannot be used."""


class TemplateError(BackupmonError):
    """A path template that is refused, or a value that would leave its root."""


class NotFoundError(BackupmonError):
    """A thing was asked for that is not there."""


class RefusedError(BackupmonError):
    """A change was asked for that the rules do not allow."""

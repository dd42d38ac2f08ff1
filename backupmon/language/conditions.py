"""Server conditions in the reader's words; `retelling` says what exactly, and the hint."""

from __future__ import annotations

from flask_babel import gettext, lazy_gettext

_TITLES = {
    "background.down": lazy_gettext("The queue does not answer."),
    "claimed.orphan": lazy_gettext("A file waits for a backup that the database does not know."),
    "clock.behind": lazy_gettext("The server's clock may be behind."),
    "copy.differs": lazy_gettext("A copy differs from its original."),
    "copy.lost": lazy_gettext("A judged file is nowhere to be found."),
    "disk.full": lazy_gettext("A disk is full."),
    "entry.stuck": lazy_gettext("A backup has waited too long for its verdict."),
    "file.stuck": lazy_gettext("A file has been on its way for too long."),
    "folder.replaced": lazy_gettext("Something stands in the place of a folder of the server's."),
    "folder.unreadable": lazy_gettext("The server may not use a folder."),
    "heartbeat.failed": lazy_gettext("The other monitor is not reached."),
    "io.error": lazy_gettext("A disk cannot be read or written."),
    "mail.down": lazy_gettext("The mail server takes no mail: alerts wait."),
    "path.occupied": lazy_gettext("Something else stands where a copy should go."),
    "path.unusable": lazy_gettext("A path cannot be used."),
    "report.settling": lazy_gettext("A report is never finished."),
    "report.unreadable": lazy_gettext("The server may not read a report."),
    "root.absent": lazy_gettext("A storage folder is not there."),
    "root.read_only": lazy_gettext("A filesystem is read-only."),
    "root.unmarked": lazy_gettext("A storage folder bears no mark: is its disk mounted?"),
    "server.exhausted": lazy_gettext("The server has run out of open files or memory."),
}
_OTHERWISE = lazy_gettext("The server has trouble of its own.")


def condition_title(code: str) -> str:
    """What is wrong, in one short sentence."""
    return str(_TITLES.get(code, _OTHERWISE))


def check_title(name: str) -> str:
    """What the doctor looked at: a thing, a setting, or a server condition by its code."""
    return condition_title(name).rstrip(".") if "." in name else str(gettext(name))

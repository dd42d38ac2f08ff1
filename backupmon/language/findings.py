"""Findings in the reader's words: what was checked, and what came of it.

The sentences that entries keep are English, made when the verdict was given. What a reader of
another language sees is said anew, from the code of the finding and what was observed.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import get_locale, gettext, lazy_gettext, ngettext

from backupmon.core.culprit import Culprit, diagnose
from backupmon.core.findings import Finding, Level
from backupmon.core.statuses import Status
from backupmon.language.phrases import say

#: What was checked, by code; of several codes alike, by what they begin with.
_TITLES = {
    "agent.backup": lazy_gettext("Dump, as the agent says"),
    "agent.compress": lazy_gettext("Compression, as the agent says"),
    "agent.transfer": lazy_gettext("Transfer, as the agent says"),
    "report.section": lazy_gettext("The report on this database"),
    "report.checksum": lazy_gettext("Checksum in the report"),
    "report.readable": lazy_gettext("Whether the report can be read"),
    "report.early": lazy_gettext("When the report was made"),
    "report.other_databases": lazy_gettext("Databases in the report"),
    "report.overtaken": lazy_gettext("A newer report"),
    "report.": lazy_gettext("The report"),
    "file.size": lazy_gettext("Size"),
    "file.sha256": lazy_gettext("SHA-256"),
    "file.changing": lazy_gettext("Whether somebody still writes"),
    "file.": lazy_gettext("The file"),
    "content.shrunk": lazy_gettext("Size beside the last good copy"),
    "content.empty": lazy_gettext("Size beside that of any dump"),
    "content.": lazy_gettext("Content beside the last good copy"),
    "cycle.missing": lazy_gettext("A report by the deadline"),
    "cycle.late": lazy_gettext("When the backup came"),
    "cycle.already_good": lazy_gettext("Other backups of the same time"),
    "time.": lazy_gettext("Times in the report"),
}
_OTHERWISE = lazy_gettext("How the report is written")

CULPRITS = {
    Culprit.AGENT: lazy_gettext("the agent"),
    Culprit.LINE: lazy_gettext("the line"),
    Culprit.SERVER: lazy_gettext("this server"),
    Culprit.SCHEDULE: lazy_gettext("the schedule"),
}

#: Warnings that say no more than that, by code.
_NOTES = {
    "cycle.late": lazy_gettext("The backup came after the deadline."),
    "cycle.already_good": lazy_gettext(
        "A backup of the same time was good before; the cycle stays good."
    ),
    # How the report is written; where exactly is told by what was observed.
    "time.naive": lazy_gettext("In the report, a time has no offset."),
    "time.malformed": lazy_gettext("In the report, a time is not written as one."),
    "checksum.absent": lazy_gettext(
        "The report gives no checksum of the file, so it cannot be checked."
    ),
    "size.absent": lazy_gettext("The report gives no size of the file."),
    "checksum.malformed": lazy_gettext("In the report, a checksum is no SHA-256."),
    "backup.checksum.malformed": lazy_gettext("In the report, a checksum is no SHA-256."),
    "size.malformed": lazy_gettext("In the report, a size is none."),
    "size.implausible": lazy_gettext("In the report, a size is one that no file can have."),
    "size.odd": lazy_gettext("In the report, a size is not written as a whole number."),
    "field.ambiguous": lazy_gettext(
        "In the report, a field is given twice, with different values."
    ),
    "text.malformed": lazy_gettext("In the report, words are not written as a string."),
    "overall_status.malformed": lazy_gettext("In the report, words are not written as a string."),
    "report.empty": lazy_gettext("The report names no database."),
}


def finding_title(code: str) -> str:
    """What was checked."""
    found = _TITLES.get(code) or _TITLES.get(f"{code.partition('.')[0]}.") or _OTHERWISE
    return str(found)


def say_finding(finding: Finding) -> str:
    """What came of it in a sentence; in another language than English where there are words."""
    if _is_english():
        return finding.message
    diagnosis = diagnose([finding])
    if diagnosis is not None and diagnosis.suspects:
        return say(diagnosis.cause)
    note = _NOTES.get(finding.code)
    return finding.message if note is None else str(note)


def say_verdict(status: str, findings: Sequence[Finding], message: str) -> str:
    """A verdict in one sentence.

    Parameters
    ----------
    message:
        The sentence that was kept with it.
    """
    if _is_english() or not findings:
        return message
    bad = [finding for finding in findings if finding.level is Level.BAD]
    if bad:
        more = len(bad) - 1
        added = ngettext(
            " (%(number)s more finding)", " (%(number)s more findings)", more, number=more
        )
        return say_finding(bad[0]) + (added if more else "")
    if status != Status.SUCCESS:
        return say_finding(findings[0])
    odd = [finding for finding in findings if finding.level is Level.WARNING]
    whole = gettext("The file arrived whole, byte for byte as the agent made it.")
    return " ".join([str(whole), *(say_finding(finding) for finding in odd[:1])])


def say_culprits(suspects: Sequence[Culprit]) -> str:
    """Where to look first: ``the agent or the line``."""
    return str(gettext(" or ")).join(str(CULPRITS[suspect]) for suspect in suspects)


def _is_english() -> bool:
    locale = get_locale()
    return locale is None or locale.language == "en"

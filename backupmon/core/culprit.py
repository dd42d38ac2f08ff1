"""Whose fault it most likely is, why one thinks so, and what to do next.

One pure function from the findings of a verdict. Pages and mails say its phrases in the
reader's language, so that both always give the same advice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from backupmon.core.findings import Finding, Level
from backupmon.core.phrases import ByteCount, Phrase, phrase
from backupmon.core.text import one_line


class Culprit(StrEnum):
    """Where to look first."""

    #: The agent: its script, its machine, the database that it dumps.
    AGENT = "agent"
    #: The line between the site and this server.
    LINE = "line"
    #: This server.
    SERVER = "server"
    #: What the job expects: its schedule, names, paths, content policy.
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What most likely went wrong.

    Parameters
    ----------
    code:
        Of the finding that it follows from.
    suspects:
        The likeliest first; more than one where nobody can tell them apart from here.
    cause, next_step:
        Why, and what to do about it.
    """

    code: str
    suspects: tuple[Culprit, ...]
    cause: Phrase
    next_step: Phrase


def diagnose(findings: Sequence[Finding]) -> Diagnosis | None:
    """The likely culprit by the findings of one verdict; None where all is as it should be.

    A bad finding goes before a warning, and what tells why a backup is missing before the mere
    fact that it is.
    """
    found = _telling(findings)
    if found is None:
        return None
    rule = RULES.get(found.code)
    if rule is None:
        return _by_its_own_words(found)
    suspects, cause, next_step = rule(found)
    return Diagnosis(found.code, suspects, cause, next_step)


def _telling(findings: Sequence[Finding]) -> Finding | None:
    """The finding that says most."""
    bad = [f for f in findings if f.level is Level.BAD]
    if bad and bad[0].code != "cycle.missing":
        return bad[0]
    odd = [f for f in findings if f.level is Level.WARNING and f.code in RULES]
    return next(iter([*odd, *bad]), None)


#: Suspects, cause, next step.
_Told = tuple[tuple[Culprit, ...], Phrase, Phrase]

_AGENT, _LINE = (Culprit.AGENT,), (Culprit.LINE,)
_MEND_SCRIPT = phrase("Mend the agent's script.")
_SEND_AGAIN = phrase("Let the agent send it again; if it happens again, look at the line.")


def _missing(_finding: Finding) -> _Told:
    return (
        (Culprit.AGENT, Culprit.LINE),
        phrase("No word came from the agent: it did not run, or it could not reach this server."),
        phrase("See on its machine whether it ran; if it did, see whether the line is up."),
    )


def _early(finding: Finding) -> _Told:
    opens = (finding.expected or "").removeprefix("from ")
    return (
        (Culprit.SCHEDULE,),
        phrase(
            "A backup came at %(came)s, too early to count: this one is expected from %(opens)s.",
            came=_moment(finding.observed or ""),
            opens=_moment(opens),
        ),
        phrase("If that is its usual hour, move the schedule or allow more early minutes."),
    )


def _no_rights(finding: Finding) -> _Told:
    return (
        _AGENT,
        phrase(
            "The agent's report of %(at)s lies here, but this server may not read it.",
            at=_moment(finding.observed or ""),
        ),
        phrase(
            "Let the agent write with a umask of 027, and chmod g+r what lies in its log folder."
        ),
    )


def _others(finding: Finding) -> _Told:
    wanted = finding.expected or ""
    named = [name.strip() for name in (finding.observed or "").split(", ")]
    if wanted in named:
        return (
            (Culprit.SCHEDULE,),
            phrase(
                "The agent's report names %(database)s, but when it was taken in the job did "
                "not expect it for this time.",
                database=wanted,
            ),
            phrase("If the job is new this passes; else compare its schedule with the agent's."),
        )
    alike = [name for name in named if name.casefold() == wanted.casefold()]
    if alike:
        return (
            (Culprit.SCHEDULE,),
            phrase(
                "The agent calls the database %(found)s, the job calls it %(database)s.",
                found=alike[0],
                database=wanted,
            ),
            phrase("Let both use the same name, letter for letter."),
        )
    return (
        _AGENT,
        phrase("The agent did report, but not on %(database)s.", database=wanted),
        phrase("Add the database to what the agent backs up; if it is gone, delete the job."),
    )


def _invalid(finding: Finding) -> _Told:
    wrong = one_line(finding.observed or "")
    if "set the agent's clock" in wrong:
        return (
            _AGENT,
            phrase("The clock of the agent's machine is wrong: %(fault)s.", fault=wrong),
            phrase("Set its clock, and let it keep time by NTP."),
        )
    return (
        _AGENT,
        phrase("The agent's report cannot be used: %(fault)s.", fault=wrong),
        _MEND_SCRIPT,
    )


def _section(finding: Finding) -> _Told:
    return (
        _AGENT,
        phrase(
            "The agent's report is wrong in what it says of this database: %(fault)s.",
            fault=one_line(finding.observed or ""),
        ),
        _MEND_SCRIPT,
    )


def _step(step: str, said: _Told) -> Callable[[Finding], _Told]:
    """What follows when the agent says that a step failed, or does not say how it went."""

    def rule(finding: Finding) -> _Told:
        if finding.observed != "none":
            return said
        return (
            _AGENT,
            phrase("The agent does not say whether its step %(step)s went well.", step=step),
            _MEND_SCRIPT,
        )

    return rule


_BACKUP_FAILED: _Told = (
    _AGENT,
    phrase("The agent could not dump the database."),
    phrase("See its own log: is the database up, the password right, the disk not full?"),
)
_COMPRESS_FAILED: _Told = (
    _AGENT,
    phrase("The agent could not compress the dump."),
    phrase("See its own log; more often than not its disk is full."),
)
_TRANSFER_FAILED: _Told = (
    _LINE,
    phrase("The agent could not send the file."),
    phrase("See whether the line is up and this server can be written to; then run it again."),
)


def _absent(_finding: Finding) -> _Told:
    return (
        (Culprit.LINE, Culprit.AGENT),
        phrase("The agent says that it sent the file, but it never arrived."),
        phrase(
            "Let the agent send it again. If it never arrives, compare where the agent puts its "
            "files with the job's deposit path."
        ),
    )


def _no_file(finding: Finding) -> _Told:
    return (
        _AGENT,
        phrase("What lies there is not a file of its own: %(what)s.", what=finding.observed or "?"),
        phrase("Let the agent deliver the dump itself, neither a link nor a folder."),
    )


def _unreadable(_finding: Finding) -> _Told:
    return (
        (Culprit.AGENT, Culprit.SERVER),
        phrase("The file is here, but this server may not read it."),
        phrase("Let the agent deliver it with rights that let the server's user read it."),
    )


def _size(finding: Finding) -> _Told:
    expected, observed = _number(finding.expected), _number(finding.observed)
    if expected is None or observed is None:
        return _LINE, phrase("The size of the file is not the one reported."), _SEND_AGAIN
    sizes = {
        "off": ByteCount(abs(expected - observed)),
        "observed": ByteCount(observed),
        "expected": ByteCount(expected),
    }
    if observed < expected:
        return (
            _LINE,
            phrase(
                "The file arrived %(off)s short of what the agent sent (%(observed)s of "
                "%(expected)s): the transfer was cut.",
                **sizes,
            ),
            _SEND_AGAIN,
        )
    return (
        _AGENT,
        phrase(
            "The file is %(off)s larger than what the agent reported (%(observed)s, not "
            "%(expected)s): it was changed after that.",
            **sizes,
        ),
        phrase("See whether two runs of the agent overlap; then let it send the file again."),
    )


def _sha256(_finding: Finding) -> _Told:
    return (
        _LINE,
        phrase("The file is not the one that the agent made: it was damaged on the way."),
        phrase(
            "Let the agent send it again; if it happens again, suspect the memory or the disk of "
            "its machine."
        ),
    )


def _no_checksum(_finding: Finding) -> _Told:
    return (
        _AGENT,
        phrase("The agent reports no checksum, so nobody can tell whether the file is whole."),
        phrase("Let the agent report the SHA-256 of the compressed file."),
    )


def _changing(_finding: Finding) -> _Told:
    return (
        _AGENT,
        phrase("The file was still being written to when its time was up."),
        phrase("See what holds it open: a transfer that hangs, or a second run of the agent."),
    )


def _unchanged(_finding: Finding) -> _Told:
    return (
        (Culprit.AGENT, Culprit.SCHEDULE),
        phrase("The content is the same as last time, though it should change each time."),
        phrase(
            "See whether the agent dumps the live database. If nothing did change in it, let the "
            "job allow that."
        ),
    )


def _changed(_finding: Finding) -> _Told:
    return (
        _AGENT,
        phrase("The content has changed, though it must not."),
        phrase(
            "If the change is meant, accept the file in quarantine. Until then the copy from "
            "before stays."
        ),
    )


def _shrunk(finding: Finding) -> _Told:
    return (
        _AGENT,
        phrase("The file is less than half as large as the last good copy."),
        phrase("Check that the dump is complete."),
    )


def _empty(_finding: Finding) -> _Told:
    return _AGENT, phrase("The file arrived whole, but it is empty."), _BACKUP_FAILED[2]


def _overtaken(_finding: Finding) -> _Told:
    return (
        (),
        phrase("The file was replaced by a newer one before it could be verified."),
        phrase("Nothing: the newer one is judged in its place."),
    )


#: By the code of the finding that says most.
RULES: Mapping[str, Callable[[Finding], _Told]] = {
    "cycle.missing": _missing,
    "report.readable": _no_rights,
    "report.early": _early,
    "report.other_databases": _others,
    "report.invalid": _invalid,
    "report.section": _section,
    "agent.backup": _step("BACKUP", _BACKUP_FAILED),
    "agent.compress": _step("COMPRESS", _COMPRESS_FAILED),
    "agent.transfer": _step("TRANSFER", _TRANSFER_FAILED),
    "file.absent": _absent,
    "file.type": _no_file,
    "file.link": _no_file,
    "file.readable": _unreadable,
    "file.size": _size,
    "file.sha256": _sha256,
    "report.checksum": _no_checksum,
    "file.changing": _changing,
    "content.unchanged": _unchanged,
    "content.changed": _changed,
    "content.shrunk": _shrunk,
    "content.empty": _empty,
    "report.overtaken": _overtaken,
}


def _by_its_own_words(finding: Finding) -> Diagnosis:
    """Of a finding that is not known here, its own words are all there is to say."""
    said = Phrase("%(finding)s", (("finding", finding.message),))
    return Diagnosis(finding.code, (), said, phrase("See the findings of the backup."))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _moment(text: str) -> datetime | str:
    """The time that a finding gives in words; where it is none, the words themselves."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
    except ValueError:
        return text

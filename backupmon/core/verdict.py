"""The verdict: one pure function from what is known to a status and its findings.

The worst finding wins, in the order of the table: MISSING, FAILED,
TRANSFER_INTEGRITY_FAILED, HASH_MISMATCH, SUCCESS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backupmon.core.codes import FindingCode
from backupmon.core.file_findings import Section, file_findings, section_findings
from backupmon.core.findings import Finding, Level, bad, good, warning
from backupmon.core.job_spec import ContentPolicy
from backupmon.core.measurement import Measurement
from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status
from backupmon.core.words import human_bytes, human_span, human_time

#: A copy smaller than this share of the last good one is worth a look.
SHRUNK_BELOW = 0.5


@dataclass(frozen=True, slots=True)
class Success:
    """A backup that was judged good.

    Parameters
    ----------
    cycle_due:
        When its cycle was due.
    sha256, size:
        Of the file, as the server measured it; size in bytes.
    backup_sha256:
        Of the dump before compression, where the agent gave a valid one.
    """

    cycle_due: datetime
    sha256: str
    size: int
    backup_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What came before.

    Parameters
    ----------
    baseline:
        The last success of an earlier cycle, or None.
    cycle_is_good:
        The cycle has a success already.
    cycle_was_given_up:
        The deadline has already been held against this cycle (MISSING, or FAILED for want
        of a readable report).
    """

    baseline: Success | None = None
    cycle_is_good: bool = False
    cycle_was_given_up: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status, the findings it follows from, and both in one sentence.

    `comparison` is ``first``, ``changed``, ``unchanged``, or None where no intact file was
    compared; `baseline_sha256` is what it was compared with.
    """

    status: Status
    findings: tuple[Finding, ...]
    message: str
    late: bool = False
    comparison: str | None = None
    baseline_sha256: str | None = None


def is_late(cycle: Cycle, report_end: datetime, history: History) -> bool:
    """Late: it ended after the deadline, or arrived after the deadline was held against it."""
    return report_end > cycle.deadline or history.cycle_was_given_up


def judge(
    policy: ContentPolicy,
    cycle: Cycle,
    section: Section,
    measurement: Measurement | None,
    history: History,
) -> Verdict:
    """Judge what one report says of one job in one cycle.

    Parameters
    ----------
    policy:
        The job's ``content_policy``.
    cycle:
        The cycle the report belongs to.
    section:
        What the report says of the database.
    measurement:
        What the server saw of the staged file; None where the agent itself reports a failure,
        since then the file is not looked at.
    history:
        What came before.

    Raises
    ------
    ValueError
        When the agent reports success and there is no measurement: nothing is called good,
        or broken, unseen.
    """
    findings = [*section.oddities, *section_findings(section)]
    late = is_late(cycle, section.report_end, history)
    if late:
        findings.append(_late_finding(cycle, section.report_end))
    if _has_bad(findings):
        return _conclude(Status.FAILED, findings, late, history)
    if measurement is None:
        raise ValueError("a report of success cannot be judged without a measurement")
    findings += file_findings(section, measurement)
    if _has_bad(findings):
        return _conclude(Status.TRANSFER_INTEGRITY_FAILED, findings, late, history)
    comparison, content = _content_findings(policy, section, measurement, history.baseline)
    findings += content
    status = Status.HASH_MISMATCH if _has_bad(content) else Status.SUCCESS
    verdict = _conclude(status, findings, late, history)
    baseline = history.baseline.sha256 if history.baseline else None
    return replace(verdict, comparison=comparison, baseline_sha256=baseline)


def overtaken(by_end: datetime) -> Verdict:
    """The verdict on a report whose file was replaced before it could be verified.

    Parameters
    ----------
    by_end:
        The end of the newer report that the file is judged by.
    """
    message = (
        "Overtaken before it could be verified: the file was replaced for the report of "
        f"{human_time(by_end)}."
    )
    return Verdict(
        Status.UNKNOWN, (warning("report.overtaken", message, None, human_time(by_end)),), message
    )


def _late_finding(cycle: Cycle, report_end: datetime) -> Finding:
    behind = report_end - cycle.deadline
    if behind > timedelta(0):
        message = f"The report is {human_span(behind)} late: it ended after the deadline."
    else:
        message = "The report was made in time, but arrived after the deadline."
    return warning(
        "cycle.late", message, f"by {human_time(cycle.deadline)}", human_time(report_end)
    )


def _content_findings(
    policy: ContentPolicy, section: Section, measurement: Measurement, baseline: Success | None
) -> tuple[str, list[Finding]]:
    """How an intact file compares with the last success of an earlier cycle."""
    if baseline is None:
        first = good("content.first", "This is the first good copy; there is none to compare with.")
        return "first", [first, *_size_findings(measurement, None)]
    same = measurement.sha256 == baseline.sha256 or (
        section.backup_sha256 is not None and section.backup_sha256 == baseline.backup_sha256
    )
    comparison = "unchanged" if same else "changed"
    found = [_policy_finding(policy, same, *_compared(section, measurement, baseline), baseline)]
    return comparison, [*found, *_size_findings(measurement, baseline)]


def _size_findings(measurement: Measurement, baseline: Success | None) -> list[Finding]:
    """What is odd about the size of a file that is, byte for byte, the agent's."""
    size, found = measurement.size, []
    if size == 0:
        empty = "The file is empty: whole, but no dump of anything. See the agent's own log."
        found.append(warning("content.empty", empty, "a dump", human_bytes(0)))
    if size is not None and baseline is not None and size < SHRUNK_BELOW * baseline.size:
        found.append(
            warning(
                "content.shrunk",
                f"The file is {human_bytes(size)}, less than half of the last good "
                f"copy ({human_bytes(baseline.size)}). Check that the dump is complete.",
                f"at least {human_bytes(int(baseline.size * SHRUNK_BELOW))}",
                human_bytes(size),
            )
        )
    return found


def _compared(
    section: Section, measurement: Measurement, baseline: Success
) -> tuple[str, str | None]:
    """The SHA-256 of then and of now: of the dumps where those are equal, else of the files.

    Of files that differ nobody would believe that their content is the same.
    """
    if section.backup_sha256 is not None and section.backup_sha256 == baseline.backup_sha256:
        return section.backup_sha256, section.backup_sha256
    return baseline.sha256, measurement.sha256


def _policy_finding(
    policy: ContentPolicy, same: bool, before: str, observed: str | None, baseline: Success
) -> Finding:
    since = human_time(baseline.cycle_due)
    if same and policy is ContentPolicy.MUST_CHANGE:
        return bad(
            "content.unchanged",
            f"The content is the same as that of {since}, though it should change from cycle to "
            "cycle. Check that the agent dumps the live database.",
            f"other than {before}",
            observed,
        )
    if not same and policy is ContentPolicy.MUST_NOT_CHANGE:
        return bad(
            "content.changed",
            f"The content differs from that of {since}, though it must not change. If the change "
            "is meant, accept the file in quarantine.",
            before,
            observed,
        )
    code: FindingCode = "content.unchanged" if same else "content.changed"
    words = "the same as" if same else "different from"
    return good(
        code, f"The content is {words} that of {since}, as it may be.", policy.value, observed
    )


def _has_bad(findings: list[Finding]) -> bool:
    return any(f.level is Level.BAD for f in findings)


def _conclude(status: Status, findings: list[Finding], late: bool, history: History) -> Verdict:
    if history.cycle_is_good and status is not Status.SUCCESS:
        findings = [*findings, _already_good()]
    return Verdict(status, tuple(findings), _sentence(status, findings), late)


def _already_good() -> Finding:
    return warning(
        "cycle.already_good",
        "A backup of the same cycle was good before; the cycle stays good.",
    )


def _sentence(status: Status, findings: list[Finding]) -> str:
    """The first bad finding tells it; a success tells what odd things came with it."""
    told = [f.message for f in findings if f.level is Level.BAD]
    if told:
        more = len(told) - 1
        return told[0] + (f" ({more} more finding{'s' if more > 1 else ''})" if more else "")
    odd = [f.message for f in findings if f.level is Level.WARNING]
    sentence = "The file arrived whole, byte for byte as the agent made it."
    return " ".join([sentence, *odd[:1]])

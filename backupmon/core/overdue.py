"""The verdict on a cycle whose deadline passed without a word on the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from backupmon.core.findings import Finding, bad, warning
from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status
from backupmon.core.text import one_line
from backupmon.core.verdict import Verdict
from backupmon.core.words import human_span, human_time

#: What is wrong with a report is listed in full by ``flask reports check``.
_MOST_FAULTS = 3


@dataclass(frozen=True, slots=True)
class InvalidReport:
    """A file that is no report, which landed in the cycle; `faults` are (path, problem)."""

    file_name: str
    landed_at: datetime
    faults: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Instead:
    """What there was instead of the expected report.

    Parameters
    ----------
    invalid:
        Invalid reports that landed in the cycle, oldest first.
    unreadable_at:
        When a report landed in the cycle that the server may not read.
    early_end:
        The end of a report on this database that came before the cycle opened.
    other_databases:
        Names in a valid report of the cycle that was not counted for this database.
    agent_reported_at:
        The end of that report.
    """

    invalid: Sequence[InvalidReport] = ()
    unreadable_at: datetime | None = None
    early_end: datetime | None = None
    other_databases: Sequence[str] = field(default=())
    agent_reported_at: datetime | None = None


def judge_overdue(database_name: str, cycle: Cycle, instead: Instead) -> Verdict:
    """MISSING; or FAILED where the agent did report, but nobody could read it.

    Parameters
    ----------
    database_name:
        The job's, to look for it under another spelling.
    cycle:
        The cycle whose deadline passed.
    instead:
        What there was.
    """
    if instead.invalid:
        findings = tuple(_invalid_finding(report) for report in instead.invalid)
        return Verdict(Status.FAILED, findings, findings[-1].message)
    due = human_time(cycle.due)
    missing = bad(
        "cycle.missing",
        f"No report names {one_line(database_name)} for the cycle due {due}.",
        f"a report between {human_time(cycle.opens)} and {human_time(cycle.deadline)}",
        "none",
    )
    hints = [*_unreadable(instead), *_early(cycle, instead), *_others(database_name, instead)]
    advice = hints[0].message if hints else "See whether the agent ran, and whether it can send."
    return Verdict(Status.MISSING, (missing, *hints), f"{missing.message} {advice}")


def _invalid_finding(report: InvalidReport) -> Finding:
    told = [f"{path or 'it'} {problem}" for path, problem in report.faults[:_MOST_FAULTS]]
    left = len(report.faults) - len(told)
    wrong = "; ".join([*told, f"and {left} more"] if left else told) or "it is no report"
    return bad(
        "report.invalid",
        f"The agent's report {report.file_name} of {human_time(report.landed_at)} cannot be used: "
        f"{wrong}. Mend the agent's script.",
        "a valid report",
        wrong,
    )


def _unreadable(instead: Instead) -> list[Finding]:
    if instead.unreadable_at is None:
        return []
    at = human_time(instead.unreadable_at)
    return [
        warning(
            "report.readable",
            f"A report of {at} lies in the log folder, but the server may not read it. Let the "
            "agent write with a umask of 027.",
            "a report that the server may read",
            at,
        )
    ]


def _early(cycle: Cycle, instead: Instead) -> list[Finding]:
    if instead.early_end is None:
        return []
    by = human_span(cycle.opens - instead.early_end)
    return [
        warning(
            "report.early",
            f"A report came {by} before the window opened. If that is its usual hour, move the "
            "schedule or allow more early minutes.",
            f"from {human_time(cycle.opens)}",
            human_time(instead.early_end),
        )
    ]


def _others(database_name: str, instead: Instead) -> list[Finding]:
    if instead.agent_reported_at is None:
        return []
    message = _said_at(database_name, human_time(instead.agent_reported_at), instead)
    named = ", ".join(one_line(n, 80) for n in instead.other_databases[:5])
    return [warning("report.other_databases", message, database_name, named or "no database")]


def _said_at(database_name: str, at: str, instead: Instead) -> str:
    name = one_line(database_name)
    if database_name in instead.other_databases:
        # Taken in as a discovery, or read in another zone once the job had one.
        return (
            f"The agent's report of {at} names {name}, but was not counted: when it was taken in, "
            "this job did not expect it for this cycle."
        )
    alike = [n for n in instead.other_databases if n.casefold() == database_name.casefold()]
    if alike:
        return (
            f"The agent's report of {at} names {one_line(alike[0])}, spelt otherwise. "
            "Names are compared letter for letter."
        )
    return f"The agent did report at {at}, but does not name {name}."

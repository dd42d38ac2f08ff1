"""What a digest says, part by part, the worst first, in the words of the language of the moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import format_datetime, gettext, lazy_gettext, ngettext

from backupmon.core.standing import Standing
from backupmon.core.statuses import BEST_FIRST
from backupmon.core.text import one_line
from backupmon.language.conditions import condition_title
from backupmon.language.phrases import say_server
from backupmon.language.standings import WORDS, say_count
from backupmon.language.wording import say_age, say_number, say_size, say_span
from backupmon.models import ServerCondition
from backupmon.services.dashboard.rows import JobRow
from backupmon.services.digest.copies import StaleCopy
from backupmon.services.digest.cycles import TroubledJob
from backupmon.services.digest.facts import Facts
from backupmon.services.digest.server import ServerState, Space
from backupmon.services.digest.sizes import OddSize
from backupmon.services.letters import colon

_MOMENT = "d MMM y, HH:mm"
_MOST_SAID = 200
_MOST_CONDITIONS = 5
#: What is on the filesystem, by setting.
_ROOTS = {
    "DEPOSIT_ROOT": lazy_gettext("deposits"),
    "VALIDATED_ROOT": lazy_gettext("good copies"),
    "QUARANTINE_ROOT": lazy_gettext("quarantine"),
    "REPORT_ARCHIVE_ROOT": lazy_gettext("reports"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing: what it is about, where that is, what is said of it, and where to click."""

    name: str
    place: str
    said: tuple[str, ...]
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of one kind; `more` says that there are others, `tone` how it is coloured."""

    title: str
    tone: str
    lines: Sequence[Line]
    more: str = ""
    link: str | None = None


def sections_of(facts: Facts, base_url: str | None) -> list[Section]:
    """All that there is to say; what there is nothing of is left out."""
    found = [
        _trouble_of_server(facts.server),
        _need_you(facts, base_url),
        _stale(facts, base_url),
        _odd_sizes(facts, base_url),
        _troubled(facts, base_url),
        _discovered(facts),
    ]
    return [section for section in found if section is not None and section.lines]


def state_lines(facts: Facts) -> Iterator[str]:
    """What came, what is kept, how often somebody looked, what is left."""
    yield _came(facts)
    if facts.kept.copies and facts.kept.oldest is not None:
        yield ngettext(
            "Kept: %(copies)s last good copy, %(size)s, of %(oldest)s.",
            "Kept: %(copies)s last good copies, %(size)s; the oldest is of %(oldest)s.",
            facts.kept.copies,
            copies=say_number(facts.kept.copies),
            size=say_size(facts.kept.size),
            oldest=moment(facts.kept.oldest),
        )
    yield _looked(facts)
    if facts.server is not None:
        yield from _left(facts.server)


def moment(when: datetime) -> str:
    """``3 Mar 2031, 12:00``."""
    return str(format_datetime(when, _MOMENT))


def _job_link(base_url: str | None, job_id: int) -> str | None:
    return f"{base_url}/jobs/{job_id}" if base_url else None


def _more(total: int, lines: Sequence[object]) -> str:
    left = total - len(lines)
    if left <= 0:
        return ""
    return str(
        ngettext("and %(number)s more", "and %(number)s more", left, number=say_number(left))
    )


def _trouble_of_server(server: ServerState | None) -> Section | None:
    if server is None:
        return None
    lines = [
        Line(condition_title(condition.code).rstrip("."), "", _of_condition(condition))
        for condition in server.conditions[:_MOST_CONDITIONS]
    ]
    more = _more(len(server.conditions), lines)
    return Section(str(gettext("This server")), "bad", lines, more)


def _of_condition(condition: ServerCondition) -> tuple[str, ...]:
    """What exactly, since when, and what to do."""
    words = [
        one_line(say_server(condition.message), _MOST_SAID),
        str(gettext("since %(moment)s", moment=moment(condition.started_at))),
    ]
    if condition.hint:
        hint = one_line(say_server(condition.hint), _MOST_SAID)
        words.append(str(gettext("Next step")) + colon() + hint)
    return tuple(words)


def _need_you(facts: Facts, base_url: str | None) -> Section:
    total = facts.counts.needs_you
    title = ngettext("%(number)s needs you", "%(number)s need you", total, number=say_number(total))
    lines = [_row_line(row, facts.until, base_url) for row in facts.worst]
    link = f"{base_url}/?status=NEEDS_YOU" if base_url else None
    return Section(title, "bad", lines, _more(total, lines), link)


def _row_line(row: JobRow, now: datetime, base_url: str | None) -> Line:
    word = str(WORDS[row.standing.value])
    if row.since is None:
        said = word
    elif row.since_before:
        said = gettext("%(status)s since %(moment)s", status=word, moment=moment(row.since))
    else:
        said = gettext("%(status)s, due %(moment)s", status=word, moment=moment(row.since))
    place = ", ".join(one_line(p) for p in (row.company, row.city, row.neighborhood) if p)
    return Line(
        one_line(row.database),
        f"{one_line(row.agent)}, {place}",
        (said, _copy(row.copy.made_at if row.copy else None, now)),
        _job_link(base_url, row.job_id),
    )


def _copy(made_at: datetime | None, now: datetime) -> str:
    if made_at is None:
        return str(gettext("no good copy at all"))
    age = say_age(now - made_at)
    return str(gettext("last good copy: %(moment)s (%(age)s)", moment=moment(made_at), age=age))


def _stale(facts: Facts, base_url: str | None) -> Section:
    total = facts.stale.total
    title = ngettext(
        "%(number)s without the copy that there should be",
        "%(number)s without the copy that there should be",
        total,
        number=say_number(total),
    )
    lines = [_stale_line(one, facts.until, base_url) for one in facts.stale.jobs]
    return Section(title, "odd", lines, _more(total, lines))


def _stale_line(one: StaleCopy, now: datetime, base_url: str | None) -> Line:
    said = (_copy(one.made_at, now),)
    link = _job_link(base_url, one.job_id)
    return Line(one_line(one.database), one_line(one.agent), said, link)


def _odd_sizes(facts: Facts, base_url: str | None) -> Section:
    odd, total = facts.sizes
    title = ngettext(
        "%(number)s of an odd size", "%(number)s of an odd size", total, number=say_number(total)
    )
    lines = [_size_line(one, base_url) for one in odd]
    return Section(title, "odd", lines, _more(total, lines))


def _size_line(one: OddSize, base_url: str | None) -> Line:
    normal = f"{say_size(round(one.normal.low))} – {say_size(round(one.normal.high))}"
    if one.grew:
        said = gettext(
            "grew to %(size)s; %(normal)s is usual", size=say_size(one.size), normal=normal
        )
    else:
        said = gettext(
            "shrank to %(size)s; %(normal)s is usual", size=say_size(one.size), normal=normal
        )
    link = _job_link(base_url, one.job_id)
    return Line(one_line(one.database), one_line(one.agent), (str(said),), link)


def _troubled(facts: Facts, base_url: str | None) -> Section:
    total = facts.troubled.total
    title = ngettext(
        "%(number)s well now, but not all the time",
        "%(number)s well now, but not all the time",
        total,
        number=say_number(total),
    )
    lines = [_troubled_line(one, base_url) for one in facts.troubled.jobs]
    return Section(title, "quiet", lines, _more(total, lines))


def _troubled_line(one: TroubledJob, base_url: str | None) -> Line:
    said = ngettext(
        "%(bad)s of %(all)s backups went wrong",
        "%(bad)s of %(all)s backups went wrong",
        one.bad,
        bad=say_number(one.bad),
        all=say_number(one.cycles),
    )
    link = _job_link(base_url, one.job_id)
    return Line(one_line(one.database), one_line(one.agent), (said,), link)


def _discovered(facts: Facts) -> Section:
    total = facts.discovered.total
    title = ngettext(
        "%(number)s database that no job expects",
        "%(number)s databases that no job expects",
        total,
        number=say_number(total),
    )
    lines = [
        Line(one_line(database), one_line(agent), ()) for agent, database in facts.discovered.names
    ]
    return Section(title, "quiet", lines, _more(total, lines))


def _came(facts: Facts) -> str:
    told = []
    for status in reversed(BEST_FIRST):
        count = facts.cycles.get(status, 0)
        if count:
            size = f" ({say_size(facts.arrived)})" if status == Standing.SUCCESS.value else ""
            told.append(say_count(status.value, count) + size)
    came = ", ".join(told) or gettext("nothing was due")
    return str(gettext("In this time: %(what)s.", what=came))


def _looked(facts: Facts) -> str:
    watch = facts.watch
    if watch.last is None:
        return str(gettext("No scan has looked yet."))
    said = ngettext(
        "Last scan: %(moment)s; %(number)s in this time",
        "Last scan: %(moment)s; %(number)s in this time",
        watch.done,
        moment=moment(watch.last),
        number=say_number(watch.done),
    )
    if watch.failed:
        said += ngettext(
            ", %(number)s failed",
            ", %(number)s failed",
            watch.failed,
            number=say_number(watch.failed),
        )
    return f"{said}."


def _left(server: ServerState) -> Iterator[str]:
    if server.waiting:
        yield str(
            ngettext(
                "%(number)s alert waits to be sent.",
                "%(number)s alerts wait to be sent.",
                server.waiting,
                number=say_number(server.waiting),
            )
        )
    if server.failing:
        yield str(
            ngettext(
                "%(number)s message fails, and is tried again.",
                "%(number)s messages fail, and are tried again.",
                server.failing,
                number=say_number(server.failing),
            )
        )
    yield from (_space(space) for space in server.spaces)


def _space(space: Space) -> str:
    values = {
        "names": ", ".join(str(_ROOTS[name]) for name in space.roots),
        "free": say_size(space.room.free),
        "size": say_size(space.room.size),
    }
    if space.little:
        return str(gettext("Room for %(names)s ends soon: %(free)s of %(size)s free.", **values))
    return str(gettext("Room for %(names)s: %(free)s of %(size)s free.", **values))


def gap_line(facts: Facts) -> str:
    """When nobody looked; empty where somebody did all the time."""
    gaps = facts.watch.gaps
    if not gaps:
        return ""
    longest = max(gaps, key=lambda gap: gap.span)
    said = gettext(
        "Nobody looked for %(span)s: from %(since)s to %(until)s.",
        span=say_span(longest.span),
        since=moment(longest.since),
        until=moment(longest.until),
    )
    if len(gaps) > 1:
        said += " " + gettext(
            "With other gaps that makes %(span)s.", span=say_span(facts.watch.unwatched)
        )
    return str(said)

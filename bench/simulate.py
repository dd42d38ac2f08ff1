"""``python -m bench.simulate``: a fleet through weeks of trouble, and every alert held against it.

Real scans judge real files as of simulated moments, and mails go to a real SMTP server on
loopback. Sites die, lines are cut, the mail server and the monitor itself are away. Counted is
whether every incident was told in time, once, and nothing else was.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import socket
import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from sqlalchemy import select

from backupmon import create_app
from backupmon.config import Settings, load_settings
from backupmon.core.job_spec import JobDefaults
from backupmon.extensions import db
from backupmon.models import Alert, ExpectedBackupJob
from backupmon.services.jobs import upsert_job
from backupmon.services.scanning import ScanOptions, run_scan
from backupmon.services.schema import upgrade_schema
from bench.incidents import Backup, Fate, Outage, Story, write_story

BEGIN = datetime(2031, 3, 3, tzinfo=UTC)
INTERVAL = timedelta(minutes=30)
#: Bad news of a site wait for the next message for so long, and then for a scan.
GATHERED = timedelta(hours=1)
RECIPIENT = "ops@example.org"


@dataclass
class Counts:
    """What came of it."""

    backups: int = 0
    scans: int = 0
    mails: int = 0
    incidents: int = 0
    #: Entered by the very scan that was the first to see it.
    raised_at_once: int = 0
    told_in_time: int = 0
    late: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    #: Made good before the mail could go out.
    moot: int = 0
    recoveries: int = 0
    recoveries_due: int = 0

    @property
    def is_good(self) -> bool:
        """Every incident told in time, none twice, none wrong, every end told."""
        faults = [*self.late, *self.untold, *self.twice, *self.wrong]
        at_once = self.raised_at_once == self.incidents
        return not faults and at_once and self.recoveries == self.recoveries_due

    def __str__(self) -> str:
        lines = [
            f"backups {self.backups}, scans {self.scans}, mails {self.mails}",
            f"incidents {self.incidents}: raised by the first scan after {self.raised_at_once}, "
            f"told in time {self.told_in_time}, late {len(self.late)}, "
            f"untold {len(self.untold)}, made good before the mail went out {self.moot}",
            f"twice {len(self.twice)}, wrong {len(self.wrong)}",
            f"recoveries {self.recoveries} of {self.recoveries_due}",
        ]
        return "\n".join([*lines, *self.late, *self.untold, *self.twice, *self.wrong])


class _Sink:
    """Takes every mail, and remembers its Message-ID."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.ids.append(str(message_from_bytes(envelope.content)["Message-ID"]))
        return "250 OK"


def simulate(folder: Path, days: int, sites: int, databases: int, seed: int) -> Counts:
    """One story from beginning to end; gives what came of it."""
    story = write_story(BEGIN, days, sites, databases, seed)
    sink, port = _Sink(), _free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    settings = load_settings(
        data_dir=folder,
        settle_seconds=0,
        log_level="ERROR",
        mail_server="127.0.0.1",
        mail_port=port,
        mail_default_sender="backups@example.org",
        alert_recipients=RECIPIENT,
        alert_digest="off",
    )
    try:
        with create_app(settings).app_context():
            upgrade_schema()
            _add_jobs(sites, databases)
            scans = _live(settings, story, days)
            counts = judge(story, scans)
            db.session.remove()
            db.engine.dispose()
    finally:
        controller.stop()
    counts.mails = len(sink.ids)
    counts.twice += [f"twice: mail {i}" for i, n in Counter(sink.ids).items() if n > 1]
    return counts


def _add_jobs(sites: int, databases: int) -> None:
    for site in range(sites):
        for database in range(databases):
            upsert_job(
                {
                    "company_name": f"Company {site}",
                    "city": "Douala",
                    "neighborhood": f"n{site}",
                    "database_name": f"db{database}",
                    "agent_id_responsible": f"site{site}",
                    "schedule": f"{5 * (site % 12)} {1 + site % 20} * * *",
                },
                JobDefaults(),
                BEGIN - timedelta(hours=1),
                "simulation",
            )


def _live(settings: Settings, story: Story, days: int) -> list[datetime]:
    """Deliver and scan, moment by moment; gives the moments of the scans."""
    dead = settings.model_copy(update={"mail_port": _free_port()})
    coming = sorted(
        (b for b in story.backups if b.arrives_at), key=lambda b: (b.arrives_at, b.site, b.due)
    )
    scans: list[datetime] = []
    moment, end = BEGIN, BEGIN + timedelta(days=days + 1)
    while moment < end:
        moment += INTERVAL
        arrived = [b for b in coming if b.arrives_at and b.arrives_at <= moment]
        coming = coming[len(arrived) :]
        for run in _by_run(arrived):
            _deliver(settings.deposit_root, run)
        if not _away(story.monitor, moment):
            mail = dead if _away(story.mail, moment) else settings
            run_scan(mail, ScanOptions(as_of=moment, workers=2))
            scans.append(moment)
    return scans


def _away(outages: Iterable[Outage], moment: datetime) -> bool:
    return any(outage.covers(moment) for outage in outages)


def _by_run(backups: list[Backup]) -> list[list[Backup]]:
    runs: dict[tuple[int, datetime], list[Backup]] = defaultdict(list)
    for backup in backups:
        runs[backup.site, backup.due].append(backup)
    return list(runs.values())


def _deliver(root: Path, run: list[Backup]) -> None:
    """The files of one run of an agent, then its report."""
    agent, due = f"site{run[0].site}", run[0].due
    log, staging = root / agent / "log", root / agent / "databases"
    for folder in (log, staging):
        folder.mkdir(parents=True, exist_ok=True)
    sections = {}
    for backup in run:
        name = f"db{backup.database}-{due:%Y%m%d}.sql.gz"
        data = gzip.compress(f"{agent} {name}".encode(), mtime=0)
        digest = hashlib.sha256(data).hexdigest()
        good = backup.fate is not Fate.FAILED
        if good:
            (staging / name).write_bytes(data)
        sections[f"db{backup.database}"] = {
            "BACKUP": {"status": good, "sha256_checksum": digest, "size": 9},
            "COMPRESS": {"status": good, "sha256_checksum": digest, "size": len(data)},
            "TRANSFER": {"status": good, "error_message": None},
            "staged_file_name": name,
        }
    report = {
        "operation_start_time": due.isoformat(),
        "operation_end_time": (due + timedelta(minutes=1)).isoformat(),
        "agent_id": agent,
        "overall_status": "completed",
        "databases": sections,
    }
    part = log / "report.part"
    part.write_text(json.dumps(report))
    part.replace(log / f"STATUS_{due:%Y%m%d}_{run[0].arrives_at:%H%M}.json")


def judge(story: Story, scans: list[datetime]) -> Counts:
    """Hold the alerts that were sent against what happened."""
    counts = Counts(backups=len(story.backups), scans=len(scans))
    told = _told()
    by_job: dict[tuple[int, int], list[Backup]] = defaultdict(list)
    for backup in story.backups:
        by_job[backup.site, backup.database].append(backup)
    for place, backups in by_job.items():
        _judge_job(counts, story, scans, backups, told.get(place, []))
    return counts


def _told() -> dict[tuple[int, int], list[Alert]]:
    found: dict[tuple[int, int], list[Alert]] = defaultdict(list)
    query = select(Alert, ExpectedBackupJob.agent_id_responsible, ExpectedBackupJob.database_name)
    query = query.join(ExpectedBackupJob, ExpectedBackupJob.id == Alert.job_id)
    for alert, agent, database in db.session.execute(query.order_by(Alert.id)):
        found[int(agent.removeprefix("site")), int(database.removeprefix("db"))].append(alert)
    return found


def _judge_job(
    counts: Counts,
    story: Story,
    scans: list[datetime],
    backups: list[Backup],
    alerts: list[Alert],
) -> None:
    bad = {b.due: b for b in backups if _seen_bad_at(b, scans) is not None}
    problems: dict[datetime, list[Alert]] = defaultdict(list)
    for alert in alerts:
        if alert.kind == "problem" and alert.cycle_due_at is not None:
            problems[alert.cycle_due_at].append(alert)
    name = f"site{backups[0].site}/db{backups[0].database}"
    counts.wrong += [f"wrong: {name} {due}" for due in problems.keys() - bad.keys()]
    counts.twice += [f"twice: {name} {due}" for due, found in problems.items() if len(found) > 1]
    for due, backup in bad.items():
        if not _outlasted(backup, backups, scans):
            _judge_incident(counts, story, scans, backup, problems.get(due, []))
    counts.recoveries += sum(a.kind == "recovery" and a.state == "sent" for a in alerts)
    counts.recoveries_due += _runs_that_ended(alerts)


def _judge_incident(
    counts: Counts, story: Story, scans: list[datetime], backup: Backup, found: list[Alert]
) -> None:
    counts.incidents += 1
    name = f"site{backup.site}/db{backup.database} {backup.due}"
    seen = _seen_bad_at(backup, scans)
    assert seen is not None
    counts.raised_at_once += bool(found) and found[0].raised_at == seen
    if not found:
        counts.untold.append(f"untold: {name}")
    elif found[0].state == "withdrawn":
        counts.moot += 1
    elif found[0].sent_at is None or found[0].sent_at > _must_be_sent_by(story, scans, seen):
        counts.late.append(f"late: {name} seen {seen}, sent {found[0].sent_at}")
    else:
        counts.told_in_time += 1


def _seen_bad_at(backup: Backup, scans: list[datetime]) -> datetime | None:
    """The first scan that can see that it is bad; None where none does."""
    if backup.fate is Fate.GOOD:
        return None
    if backup.fate is Fate.FAILED:
        assert backup.arrives_at is not None
        return next((scan for scan in scans if scan >= backup.arrives_at), None)
    after = next((scan for scan in scans if scan > backup.deadline), None)
    if after is None or (backup.arrives_at is not None and backup.arrives_at <= after):
        return None
    return after


def _outlasted(backup: Backup, backups: list[Backup], scans: list[datetime]) -> bool:
    """Whether the monitor was away until the next cycle was over too: only that one is told."""
    seen = _seen_bad_at(backup, scans)
    assert seen is not None
    following = [b.deadline for b in backups if b.due > backup.due]
    return bool(following) and min(following) < seen


def _must_be_sent_by(story: Story, scans: list[datetime], seen: datetime) -> datetime:
    """The scan itself, or within an hour where the site's news were gathered; after an outage of
    the mail server or of the monitor the first scan that can."""
    ready = seen + GATHERED
    while _away(story.mail, ready) or _away(story.monitor, ready):
        ready += INTERVAL
    return next((scan for scan in scans if scan >= ready), scans[-1])


def _runs_that_ended(alerts: list[Alert]) -> int:
    """How often something was told that is over by now."""
    ended = {a.answered_at for a in alerts if a.kind == "problem" and a.sent_at and a.answered_at}
    return len(ended)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Take the numbers from the command line; gives the exit code."""
    parser = ArgumentParser(prog="python -m bench.simulate")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--databases", type=int, default=20, help="of each site")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="simulate-"))
    try:
        counts = simulate(folder, asked.days, asked.sites, asked.databases, asked.seed)
    finally:
        shutil.rmtree(folder)
    print(counts)
    return 0 if counts.is_good else 1


if __name__ == "__main__":
    sys.exit(main())

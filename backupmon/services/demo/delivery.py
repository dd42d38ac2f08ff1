"""One agent at work: it copies its dumps into the deposit area, and its report last."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from backupmon.services.demo.dumps import Dump, GrowingDatabase
from backupmon.services.demo.nights import Run
from backupmon.services.demo.reports import Part, report_bytes
from backupmon.services.demo.site import Database, Site
from backupmon.services.demo.troubles import Trouble, trouble_of

_FAILURES = {
    Trouble.DUMP_FAILED: (
        "BACKUP",
        "mysqldump: Got error: 1045: Access denied for user 'sauvegarde'@'localhost'",
    ),
    Trouble.TRANSFER_FAILED: ("TRANSFER", "rsync: connection unexpectedly closed (12)"),
}
#: How long after its deadline a late run ends, and after the first run a second one.
_LATE, _RERUN = timedelta(minutes=40), timedelta(minutes=2)


@dataclass(slots=True)
class Agent:
    """A site, its databases as they grow, and its folder.

    Parameters
    ----------
    deposit:
        The deposit area.
    scale:
        Shrinks every database: 1 is full size.
    """

    site: Site
    deposit: Path
    scale: float = 1.0
    _databases: dict[str, GrowingDatabase] = field(default_factory=dict)
    _last: dict[str, Dump] = field(default_factory=dict)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.site.agent)  # noqa: S311 - believable, not secret
        for database in self.site.databases:
            self._databases[database.name] = self._new(database)

    def work(self, run: Run) -> None:
        """Do one run, with whatever goes wrong in it."""
        start = run.cycle.due + timedelta(seconds=self._random.randint(2, 90))
        end = start + timedelta(seconds=self._random.randint(200, 1500))
        trouble = trouble_of(self.site.agent, None, run.night)
        if trouble is Trouble.LATE:
            end = run.cycle.deadline + _LATE
        parts = [part for database in run.databases for part in self._dump(run, database, end)]
        if trouble is Trouble.SILENT:
            return
        for part in parts:
            self._deliver(part, trouble_of(self.site.agent, part.database, run.night), end)
        if trouble is Trouble.STRANGER:
            parts.append(self._stranger(end))
        self._report(start, end, parts, cut=trouble is Trouble.HALF_REPORT)
        self._run_again(run, end)

    def _dump(self, run: Run, database: Database, end: datetime) -> list[Part]:
        """The database grows by a night and is dumped; none where its report does not name it."""
        trouble = trouble_of(self.site.agent, database.name, run.night)
        growing, local = self._databases[database.name], self._local(end)
        growing.grow_by(database.growth)
        if trouble is Trouble.UNNAMED:
            return []
        if trouble is Trouble.TOUCHED:
            growing.grow(3)
        if trouble is Trouble.SHRUNK:
            dump = self._new(database, share=0.2).dump(local)
        elif trouble is Trouble.UNCHANGED and database.name in self._last:
            dump = self._last[database.name]
        else:
            dump = growing.dump(local)
        self._last[database.name] = dump
        failed, error = _FAILURES.get(trouble, (None, None)) if trouble else (None, None)
        return [Part(database.name, dump, self._file_name(database, local), failed, error)]

    def _deliver(self, part: Part, trouble: Trouble | None, end: datetime) -> None:
        """Put the file where it belongs, or what the line made of it."""
        if part.failed or trouble is Trouble.ABSENT:
            return
        data = b"".join(part.dump.parts)
        if trouble is Trouble.CUT_SHORT:
            data = data[: len(data) * 3 // 5]
        elif trouble is Trouble.DAMAGED:
            middle = len(data) // 2
            data = data[:middle] + bytes(64) + data[middle + 64 :]
        name = part.staged_file_name
        if trouble is Trouble.LINKED:
            self._put(self.site.staging, f"current-{name}", data, end)
            (self._folder(self.site.staging) / name).symlink_to(f"current-{name}")
            return
        self._put(self.site.staging, name, data, end)

    def _report(
        self, start: datetime, end: datetime, parts: list[Part], *, cut: bool = False
    ) -> None:
        data = report_bytes(self.site, start, end, parts)
        name = f"STATUS_{self._local(end):%Y%m%d_%H%M%S}.json"
        self._put(self.site.log, name, data[: len(data) // 2] if cut else data, end)

    def _run_again(self, run: Run, end: datetime) -> None:
        """A person started the run of one database once more: its file is another now."""
        again, done = end + _RERUN, end + 2 * _RERUN
        for database in run.databases:
            if trouble_of(self.site.agent, database.name, run.night) is Trouble.RERUN:
                (part,) = self._dump(run, database, done)
                self._deliver(part, None, done)
                self._report(again, done, [part])

    def _stranger(self, end: datetime) -> Part:
        database = Database(f"{self.site.databases[0].name}_test", 120)
        dump = self._new(database).dump(self._local(end))
        part = Part(database.name, dump, self._file_name(database, end))
        self._deliver(part, None, end)
        return part

    def _new(self, database: Database, share: float = 1.0) -> GrowingDatabase:
        growing = GrowingDatabase(database, f"{self.site.agent}/{database.name}")
        growing.grow(max(20, round(database.rows * self.scale * share)))
        return growing

    def _file_name(self, database: Database, moment: datetime) -> str:
        dated = f"_{moment:%Y%m%d_%H%M}" if database.dated else ""
        return f"{database.name}{dated}.sql.{database.packing}"

    def _put(self, folder: str, name: str, data: bytes, moment: datetime) -> None:
        """Write under another name, keep the agent's time as rsync does, then rename."""
        path = self._folder(folder) / name
        part = path.with_name(f"{name}.part")
        part.write_bytes(data)
        os.utime(part, (moment.timestamp(), moment.timestamp()))
        part.replace(path)

    def _folder(self, name: str) -> Path:
        folder = self.deposit / self.site.spelling / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.site.company.timezone))

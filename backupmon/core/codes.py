"""Every code that a finding or a server condition may bear.

Codes are stable: programs compare with them, and docs/troubleshooting.md has an entry for each. The
type checker refuses one that is not listed here, a test one that has no entry.
"""

from __future__ import annotations

from typing import Literal

FindingCode = Literal[
    # What the agent says of its steps.
    "agent.backup",
    "agent.compress",
    "agent.transfer",
    # The delivered file.
    "file.present",
    "file.absent",
    "file.type",
    "file.link",
    "file.readable",
    "file.changing",
    "file.size",
    "file.sha256",
    # Its content beside that of the last good copy.
    "content.first",
    "content.unchanged",
    "content.changed",
    "content.shrunk",
    "content.empty",
    # The cycle.
    "cycle.missing",
    "cycle.late",
    "cycle.already_good",
    # The report as a whole, and what it says of a database.
    "report.invalid",
    "report.section",
    "report.checksum",
    "report.readable",
    "report.early",
    "report.other_databases",
    "report.overtaken",
    "report.empty",
    # How the report is written.
    "overall_status.malformed",
    "text.malformed",
    "field.ambiguous",
    "time.naive",
    "time.malformed",
    "checksum.absent",
    "checksum.malformed",
    "backup.checksum.malformed",
    "size.absent",
    "size.malformed",
    "size.implausible",
    "size.odd",
]

ConditionCode = Literal[
    "root.absent",
    "root.unmarked",
    "root.read_only",
    "disk.full",
    "io.error",
    "folder.unreadable",
    "folder.replaced",
    "server.exhausted",
    "path.occupied",
    "path.unusable",
    "copy.differs",
    "copy.lost",
    "claimed.orphan",
    "entry.stuck",
    "file.stuck",
    "report.settling",
    "report.unreadable",
    "clock.behind",
    "background.down",
    "mail.down",
    "heartbeat.failed",
]

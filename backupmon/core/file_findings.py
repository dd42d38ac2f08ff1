"""The checks on one section and its file: each gives a finding, good or bad."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backupmon.core.codes import FindingCode
from backupmon.core.findings import Finding, Level, bad, good
from backupmon.core.measurement import Measurement, Presence
from backupmon.core.text import one_line
from backupmon.core.words import human_bytes, short_hash

#: More of the agent's own words do not fit in a sentence; the entry keeps them all.
_MOST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Section:
    """What one report says of one database, as far as it is judged by.

    Parameters
    ----------
    report_end:
        The end that the report gives.
    faults:
        ``(path, problem)`` of what makes the section bad; the path is the problem's subject.
    backup_ok, compress_ok, transfer_ok:
        What the agent says of its three steps.
    staged_file_name:
        The last component of the name it gives.
    compress_sha256, compress_size:
        What the delivered file must be: 64 lower-case hex digits, bytes. None: not reported.
    backup_sha256:
        Of the dump before compression, where valid.
    transfer_error:
        The agent's own words.
    oddities:
        Warnings from reading the report.
    """

    report_end: datetime
    faults: tuple[tuple[str, str], ...] = ()
    backup_ok: bool | None = True
    compress_ok: bool | None = True
    transfer_ok: bool | None = True
    staged_file_name: str | None = None
    compress_sha256: str | None = None
    compress_size: int | None = None
    backup_sha256: str | None = None
    transfer_error: str | None = None
    oddities: tuple[Finding, ...] = ()

    @property
    def claims_success(self) -> bool:
        """The section is sound, and the agent says that all three steps went well."""
        steps = (self.backup_ok, self.compress_ok, self.transfer_ok)
        return not self.faults and all(step is True for step in steps)


def section_findings(section: Section) -> list[Finding]:
    """What the section says by itself, before any file is looked at."""
    found = [
        bad(
            "report.section",
            f"In the report {path} {problem}. Mend the agent's script.",
            None,
            f"{path} {problem}",
        )
        for path, problem in section.faults
    ]
    if found:
        return found
    steps: tuple[tuple[FindingCode, str, bool | None], ...] = (
        ("agent.backup", "BACKUP", section.backup_ok),
        ("agent.compress", "COMPRESS", section.compress_ok),
        ("agent.transfer", "TRANSFER", section.transfer_ok),
    )
    # What failed first makes the headline; agents say why in one place, below TRANSFER.
    first = next((step for _, step, ok in steps if ok is False), None)
    told = ("TRANSFER", first) if section.transfer_ok is False else ("TRANSFER",)
    return [
        _step_finding(code, step, ok, section.transfer_error if step in told else None)
        for code, step, ok in steps
    ]


def _step_finding(code: FindingCode, step: str, ok: bool | None, error: str | None) -> Finding:
    if ok is None:
        message = f"The agent does not say whether {step} went well. Mend the agent's script."
        return bad(code, message, "true", "none")
    if ok:
        return good(code, f"The agent says that {step} went well.", "true", "true")
    words = one_line(error or "", _MOST_WORDS).rstrip(".")
    between = ": " if step == "TRANSFER" else ". Its words: "
    said = f"{between}{words}" if words else ""
    return bad(
        code,
        f"The agent says that {step} failed{said}. See the agent's own log, then run it again.",
        "true",
        "false",
    )


def file_findings(section: Section, measurement: Measurement) -> list[Finding]:
    """Whether the delivered file is, byte for byte, the one that the agent reported."""
    name = section.staged_file_name or "the file"
    if measurement.presence is not Presence.FILE:
        return [_presence_finding(name, measurement)]
    found = [good("file.present", f"{name} is there.", name, name)]
    if section.compress_size is not None:
        found.append(_size_finding(section.compress_size, measurement.size))
    if section.compress_sha256 is None:
        found.append(
            bad(
                "report.checksum",
                "The report gives no usable SHA-256 of the compressed file, so nobody can tell "
                "whether it arrived whole. Let the agent report sha256_checksum.",
                "64 hex digits",
                "none",
            )
        )
    elif measurement.sha256 is not None:
        found.append(_hash_finding(section.compress_sha256, measurement.sha256))
    elif not any(finding.level is Level.BAD for finding in found):
        # Nothing is good that was not hashed; only a size that tells already needs no hash.
        found.append(_unhashed_finding(name))
    return found


def _presence_finding(name: str, measurement: Measurement) -> Finding:
    detail = measurement.detail
    words: dict[Presence, tuple[FindingCode, str]] = {
        Presence.ABSENT: (
            "file.absent",
            f"The agent says that it sent {name}, but it is not there. Ask it to send it again.",
        ),
        Presence.NOT_A_FILE: (
            "file.type",
            f"Where {name} should be is {detail or 'no regular file'}. Only a file can be a "
            "backup; see what the agent copied.",
        ),
        Presence.LINKED: (
            "file.link",
            f"{name} is reached through a link, which is not followed. Deliver the file itself.",
        ),
        Presence.UNREADABLE: (
            "file.readable",
            f"{name} is there, but the server may not read it. Let the agent deliver it readable "
            "to the server's user.",
        ),
    }
    code, message = words[measurement.presence]
    return bad(code, message, "a regular file", measurement.detail or measurement.presence.value)


def _unhashed_finding(name: str) -> Finding:
    return bad(
        "file.changing",
        f"{name} was still being written to when its time was up, so it could not be verified. "
        "See what holds it open at the agent's end.",
        "a file that nobody writes to",
        "held open by a writer",
    )


def _size_finding(expected: int, observed: int | None) -> Finding:
    if observed is None:
        return bad("file.size", "The size could not be measured.", expected, "none")
    if expected == observed:
        return good("file.size", "The size is the one reported.", expected, observed)
    off = human_bytes(abs(expected - observed))
    than = "smaller" if observed < expected else "larger"
    return bad(
        "file.size",
        f"The file is {off} {than} than what the agent says it sent ({human_bytes(observed)}, not "
        f"{human_bytes(expected)}). Ask the agent to send it again.",
        expected,
        observed,
    )


def _hash_finding(expected: str, observed: str) -> Finding:
    if expected == observed:
        return good("file.sha256", "The SHA-256 is the one reported.", expected, observed)
    return bad(
        "file.sha256",
        f"The file is not the one that the agent made: its SHA-256 is {short_hash(observed)}…, "
        f"not {short_hash(expected)}…. It was damaged or replaced on the way; ask the agent to "
        "send it again.",
        expected,
        observed,
    )

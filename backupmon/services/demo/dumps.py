"""Dumps that grow from night to night, and are compressed piece by piece.

Several gzip members, or xz streams, in a row are one valid file. So yesterday's pieces are
used again, and a night costs no more than the rows it adds.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from backupmon.services.demo.site import Database
from backupmon.services.demo.sql import Script


@dataclass(frozen=True, slots=True)
class Dump:
    """A compressed dump as an agent holds it; sizes in bytes, digests in hex."""

    parts: tuple[bytes, ...]
    sha256: str
    size: int
    raw_sha256: str
    raw_size: int


class _Tally:
    """SHA-256 and size of what was added so far."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def add(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)

    def with_more(self, data: bytes) -> tuple[str, int]:
        """Digest and size if `data` came last; itself unchanged."""
        ended = self._hash.copy()
        ended.update(data)
        return ended.hexdigest(), self.size + len(data)


@dataclass(slots=True)
class GrowingDatabase:
    """A made-up database: rows are added to it, and it is dumped.

    Parameters
    ----------
    seed:
        The same seed and the same steps give the same bytes.
    """

    database: Database
    seed: str
    _random: Random = field(init=False)
    _script: Script = field(init=False)
    _rows: int = 0
    _parts: list[bytes] = field(default_factory=list)
    _raw: _Tally = field(default_factory=_Tally)
    _packed: _Tally = field(default_factory=_Tally)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)  # noqa: S311 - believable, not secret
        self._script = Script(self.database.engine, self.database.name)
        self._add(self._script.header())

    def grow(self, rows: int) -> None:
        """Add rows."""
        self._add(self._script.rows(self._random, self._rows + 1, rows))
        self._rows += rows

    def grow_by(self, share: float) -> None:
        """Add about that share of the rows, one at least; nothing for a share of 0."""
        if share:
            self.grow(max(1, round(self._rows * share * self._random.uniform(0.5, 1.5))))

    def dump(self, moment: datetime) -> Dump:
        """The dump of all rows, done at `moment` (local time)."""
        footer = self._script.footer(moment).encode()
        packed = self._pack(footer)
        return Dump(
            (*self._parts, packed),
            *self._packed.with_more(packed),
            *self._raw.with_more(footer),
        )

    def _add(self, text: str) -> None:
        raw = text.encode()
        packed = self._pack(raw)
        self._raw.add(raw)
        self._packed.add(packed)
        self._parts.append(packed)

    def _pack(self, data: bytes) -> bytes:
        if self.database.packing == "xz":
            return lzma.compress(data, preset=1)
        return gzip.compress(data, compresslevel=5, mtime=0)

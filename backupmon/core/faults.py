"""What is wrong with a report: kept in English, and as phrases that any language can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from backupmon.core.phrases import Phrase, Value, in_english


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a report, at a place in it.

    Parameters
    ----------
    path:
        ``databases.shop.COMPRESS.status``; empty for the file itself.
    problem:
        What is wrong there, without a subject ("is missing; true or false is required").
    said:
        The same as phrases, one after the other; empty where only the English was kept, as
        older versions did.
    """

    path: str
    problem: str
    said: tuple[Phrase, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.path or 'the file'} {self.problem}"

    @classmethod
    def of(cls, path: str, *said: Phrase) -> Fault:
        """The fault that `said` tells of."""
        return cls(path, told(said), said)

    def as_dict(self) -> dict[str, Any]:
        """As the database keeps it; `from_dict` is the inverse."""
        return {
            "path": self.path,
            "problem": self.problem,
            "said": [_kept_phrase(phrase) for phrase in self.said],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fault:
        """A fault that was kept, by this version or an older one."""
        said = tuple(_phrase_of(kept) for kept in data.get("said", ()))
        return cls(data["path"], data["problem"], said)


def told(said: Sequence[Phrase]) -> str:
    """The phrases in English, as one."""
    return "; ".join(in_english(phrase) for phrase in said)


def _kept_phrase(phrase: Phrase) -> dict[str, Any]:
    return {"text": phrase.text, "values": {name: _kept(value) for name, value in phrase.values}}


def _kept(value: Value) -> object:
    return {"seconds": value.total_seconds()} if isinstance(value, timedelta) else value


def _phrase_of(kept: Mapping[str, Any]) -> Phrase:
    pairs = ((name, _value_of(value)) for name, value in kept["values"].items())
    return Phrase(kept["text"], tuple(pairs))


def _value_of(value: Any) -> Value:
    if isinstance(value, Mapping):
        return timedelta(seconds=value["seconds"])
    return value if isinstance(value, int) else str(value)

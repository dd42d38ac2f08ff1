"""The text of a file of jobs, in whichever encoding a spreadsheet or an editor wrote it."""

from __future__ import annotations

import codecs
import re

from backupmon.core.errors import RefusedError
from backupmon.core.phrases import Sentence, sentence
from backupmon.core.words import to_translate

MAX_FILE_BYTES = 50 * 1024 * 1024

_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
#: What Excel calls CSV in Western Europe and Africa.
_EXCEL = "cp1252"
#: Letters in UTF-8: beside others that are not, the file has two encodings at once.
_UTF8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
_EMPTY_HINT = to_translate("give it a row for each job")
_SAVE_HINT = to_translate("save the file as UTF-8")


class JobFileError(RefusedError):
    """A file in which no rows can be found."""


def text_of(data: bytes, kind: str, name: str) -> str:
    """What `data` says: UTF-8 or UTF-16; CSV that is neither is read as Excel writes it.

    Excel writes Windows-1252 where it is set up for French, unless it is asked for UTF-8.

    Parameters
    ----------
    kind:
        "csv" or "json".
    name:
        What the file is called in messages.

    Raises
    ------
    JobFileError
        When it is larger than `MAX_FILE_BYTES`, empty, or no text.
    """
    if len(data) > MAX_FILE_BYTES:
        size = MAX_FILE_BYTES // 1024 // 1024
        raise JobFileError(
            sentence("%(name)s is larger than %(size)s MiB", name=name, size=size),
            to_translate("import it in pieces"),
        )
    text = _decoded(data, kind, name)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise JobFileError(
            sentence("%(name)s, line %(line)s has a NUL byte", name=name, line=str(line)),
            _SAVE_HINT,
        )
    if not text.strip():
        raise JobFileError(sentence("%(name)s is empty", name=name), _EMPTY_HINT)
    return text


def no_jobs(name: str) -> JobFileError:
    """The fault of a file without a row."""
    return JobFileError(sentence("%(name)s has no jobs in it", name=name), _EMPTY_HINT)


def place_of(line: int) -> Sentence:
    """Where a row begins."""
    return sentence("line %(number)s", number=str(line))


def _decoded(data: bytes, kind: str, name: str) -> str:
    bom, encoding = next((b for b in _BOMS.items() if data.startswith(b[0])), (b"", "utf-8"))
    data = data[len(bom) :]
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if not bom and kind == "csv" and not _UTF8_LETTER.search(data):
            return _from_excel(data, name)
        raise _no_text(name, data, error.start, encoding) from None


def _from_excel(data: bytes, name: str) -> str:
    try:
        return data.decode(_EXCEL)
    except UnicodeDecodeError as error:
        raise _no_text(name, data, error.start, "utf-8") from None


def _no_text(name: str, data: bytes, at: int, encoding: str) -> JobFileError:
    line = data.count(b"\n", 0, at) + 1
    problem = sentence(
        "%(name)s, line %(line)s: what stands there is not text in %(encoding)s",
        **{"name": name, "line": str(line), "encoding": encoding.upper()},
    )
    return JobFileError(problem, _SAVE_HINT)

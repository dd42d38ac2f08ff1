"""Where an import comes from: a file that is sent, a text that is typed, one that a page kept."""

from __future__ import annotations

from flask import request
from flask_babel import gettext as _

from backupmon.core.text import one_line
from backupmon.core.words import to_translate
from backupmon.services.job_files import kind_of
from backupmon.services.job_import import JobText
from backupmon.services.job_texts import JobFileError, text_of
from backupmon.web.kept_text import kept_text

_PASTED = to_translate("the text")


def sent_source() -> tuple[JobText | None, JobFileError | None]:
    """What the request wants imported, or why it cannot be: a file, a typed text, or a kept one."""
    try:
        return (_uploaded() or _kept() or _typed()), None
    except JobFileError as error:
        return None, error


def _uploaded() -> JobText | None:
    file = request.files.get("file")
    if file is None:
        return None
    if not file.filename:
        raise JobFileError(to_translate("no file was chosen"), to_translate("choose one"))
    kind, name = kind_of(file.filename), one_line(file.filename)
    return JobText(text_of(file.read(), kind, name), kind, name)


def _kept() -> JobText | None:
    if "kept" not in request.form:
        return None
    text = kept_text(request.form["kept"])
    if text is None:
        raise JobFileError(
            to_translate("what was previewed did not come back from the page"),
            to_translate("choose the file, or paste the text, once more"),
        )
    kind = "json" if request.form.get("kind") == "json" else "csv"
    return JobText(text, kind, one_line(request.form.get("name", "")))


def _typed() -> JobText:
    text = request.form.get("text", "").replace("\r\n", "\n")
    kind, name = ("json" if text.lstrip()[:1] in ("[", "{") else "csv"), _(_PASTED)
    return JobText(text_of(text.encode(errors="replace"), kind, name), kind, name)

"""Importing jobs in the browser: a file or a text, what it would change, and then the doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.job_columns import CHOICES, MEANINGS
from backupmon.core.job_spec import EDITABLE, REQUIRED, check_job
from backupmon.core.words import to_translate
from backupmon.language.filters import now
from backupmon.language.wording import say_number
from backupmon.models.columns import row_dict
from backupmon.services.job_changes import Outcome
from backupmon.services.job_drafts import RowFaults, RowsRefusedError
from backupmon.services.job_import import JobText, import_as_previewed, preview_import
from backupmon.services.job_plans import Plan, PlanChangedError, PlannedAct
from backupmon.services.job_samples import sample
from backupmon.services.job_texts import JobFileError
from backupmon.web.access import actor, needs
from backupmon.web.import_sources import sent_source
from backupmon.web.kept_text import keep

bp = Blueprint("job_import", __name__, url_prefix="/jobs/import")

#: Longer texts are not shown to be mended in the browser, but kept all the same.
_MOST_TYPED = 200_000
#: So many rows of each kind are told, until all are asked for.
_MOST_TOLD = 200
_TOO_LARGE = to_translate("this is too large to be imported in the browser")
_TOO_LARGE_HINT = to_translate("import it in pieces, or on the server with flask jobs import")


@dataclass(frozen=True, slots=True)
class Preview:
    """What the page tells of one try to import; all of it empty before the first.

    Parameters
    ----------
    kept:
        The source, as the confirmation bears it.
    typed:
        The source, to be mended in the browser; empty where it is too long for that.
    fault:
        Why no rows were found in it.
    refused:
        The rows that cannot be imported, which are why nothing can.
    changed:
        Whether the jobs became others between an earlier preview and this one.
    """

    source: JobText | None = None
    kept: str | None = None
    typed: str = ""
    plan: Plan | None = None
    fault: JobFileError | None = None
    refused: tuple[RowFaults, ...] = ()
    of: int = 0
    changed: bool = False


@bp.get("")
@needs(Role.OPERATOR)
def index() -> ResponseReturnValue:
    """The page: a file or a text, and what the columns mean."""
    return _page(Preview())


@bp.post("")
@needs(Role.OPERATOR)
def preview() -> ResponseReturnValue:
    """What would change, or what is wrong with the rows."""
    return _page(_previewed(*sent_source()))


@bp.post("/confirm")
@needs(Role.OPERATOR)
def confirm() -> ResponseReturnValue:
    """Import what was previewed; where it would no longer do the same, preview it again."""
    source, fault = sent_source()
    if source is None:
        return _page(_previewed(None, fault))
    fingerprint, defaults = request.form.get("plan", ""), current_settings().job_defaults
    try:
        done = import_as_previewed(source, fingerprint, defaults, now(), actor())
    except (JobFileError, RowsRefusedError, PlanChangedError):
        return _page(_previewed(source, None, changed=True))
    flash(_told(done), "good")
    return redirect(url_for("dashboard.index"))


@bp.get("/sample.<kind>")
@needs(Role.OPERATOR)
def sample_file(kind: str) -> ResponseReturnValue:
    """A file that shows how it is done; imported, it would add two jobs."""
    text, mimetype = sample(kind)
    response = Response(text, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="backupmon-sample.{kind}"'
    return response


# --- what is told ----------------------------------------------------------------------------


def _previewed(
    source: JobText | None, fault: JobFileError | None, changed: bool = False
) -> Preview:
    typed = _shown(source.text if source else request.form.get("text", ""))
    if source is None:
        return Preview(typed=typed, fault=fault)
    kept = keep(source.text)
    if kept is None:
        return Preview(source, typed=typed, fault=JobFileError(_TOO_LARGE, _TOO_LARGE_HINT))
    try:
        plan = preview_import(source, current_settings().job_defaults, now())
    except JobFileError as error:
        return Preview(source, kept, typed, fault=error, changed=changed)
    except RowsRefusedError as error:
        return Preview(source, kept, typed, refused=error.rows, of=error.of, changed=changed)
    return Preview(source, kept, typed, plan, changed=changed)


def _shown(text: str) -> str:
    return text if len(text) <= _MOST_TYPED else ""


def _page(found: Preview) -> ResponseReturnValue:
    told: dict[str, Any] = {
        "preview": found,
        "most": None if request.form.get("all") else _MOST_TOLD,
        "acts": PlannedAct,
        "columns": EDITABLE,
        "required": REQUIRED,
        "meanings": MEANINGS,
        "choices": CHOICES,
        "usual": _usual(),
    }
    status = 422 if found.fault or found.refused else 409 if found.changed else 200
    return render_template("pages/jobs/import.html", **told), status


def _usual() -> dict[str, str]:
    """What a new job gets where nothing is said, by column."""
    example = {**dict.fromkeys(REQUIRED, "x"), "schedule": "0 2 * * *"}
    spec, _faults = check_job(example, current_settings().job_defaults)
    assert spec is not None
    values = row_dict(spec, tuple(name for name in EDITABLE if name not in REQUIRED))
    # As a file would say it.
    return {
        name: str(value).lower() if value is True else str(value)
        for name, value in values.items()
        if value is not None
    }


def _told(done: Outcome) -> str:
    added, updated, same = map(len, (done.added, done.updated, done.unchanged))
    told = _(
        "Imported. Jobs added: %(added)s, changed: %(changed)s, left as they were: %(same)s.",
        **{"added": say_number(added), "changed": say_number(updated), "same": say_number(same)},
    )
    return str(told)

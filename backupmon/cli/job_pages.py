"""``flask jobs list`` and ``show``."""

from __future__ import annotations

from datetime import datetime

import click

from backupmon.cli.edge import needs_database, print_json
from backupmon.cli.job_options import now
from backupmon.cli.tables import Column, print_table, status_text
from backupmon.core.errors import TemplateError
from backupmon.core.job_spec import EDITABLE
from backupmon.core.paths import Values, render
from backupmon.core.statuses import BEST_FIRST, Status
from backupmon.core.text import clean, one_line
from backupmon.core.words import human_bytes, human_span, human_time, short_hash
from backupmon.models import ExpectedBackupJob
from backupmon.models.columns import row_dict
from backupmon.services.history import find_job, job_history
from backupmon.services.jobs import last_good_copy, list_jobs

_LAST_ENTRIES = 5
_NEXT_TIMES = 5


_COLUMNS = (
    Column("id", right=True),
    Column("status"),
    Column("agent", cut=True),
    Column("database", cut=True),
    Column("company", cut=True, spare=True),
    Column("city", cut=True, spare=True),
    Column("last good"),
    Column("next due", spare=True),
)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print an array of jobs.")
@click.option("--agent", metavar="ID", help="Jobs of this agent only.")
@click.option("--company", help="Jobs of this company only.")
@click.option("--city", help="Jobs in this city only.")
@click.option(
    "--status",
    type=click.Choice([status.value for status in BEST_FIRST], case_sensitive=False),
    help="Jobs of this status only.",
)
@needs_database
def list_command(
    as_json: bool, agent: str | None, company: str | None, city: str | None, status: str | None
) -> None:
    """List the jobs, paused ones too."""
    jobs = list_jobs(agent, company, city, Status(status) if status else None)
    if as_json:
        print_json([job.as_dict() for job in jobs])
    elif jobs:
        moment = now()
        print_table(_COLUMNS, [_row(job, moment) for job in jobs])
    elif any((agent, company, city, status)):
        click.echo("No job fits these filters.")
    else:
        click.echo(
            "There are no jobs yet. Add one with flask jobs add, many with flask jobs import "
            "FILE, or those that agents report already with flask jobs adopt."
        )


@click.command("show")
@click.argument("job_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
@needs_database
def show_command(job_id: int, as_json: bool) -> None:
    """Show job JOB_ID: its fields, when it is due, where its files go, how it went."""
    job = find_job(job_id)
    if as_json:
        print_json(job.as_dict())
        return
    click.echo(f"Job {job.id}: {one_line(job.title)}  {_status(job)}\n")
    for name, value in row_dict(job, EDITABLE).items():
        click.echo(f"  {name:32} {'–' if value is None else clean(str(value))}")
    click.echo()
    for title, text in _facts(job):
        click.echo(f"{title:14} {text}")
    _echo_entries(job)


def _row(job: ExpectedBackupJob, moment: datetime) -> list[str]:
    last = job.last_successful_backup_timestamp
    return [
        str(job.id),
        _status(job),
        job.agent_id_responsible,
        job.database_name,
        job.company_name,
        job.city,
        f"{human_span(moment - last)} ago" if last else "never",
        _next_due(job),
    ]


def _status(job: ExpectedBackupJob) -> str:
    return status_text(job.current_status) + ("" if job.is_active else " (paused)")


def _next_due(job: ExpectedBackupJob) -> str:
    if not job.is_active:
        return f"paused until {human_time(job.paused_until)}" if job.paused_until else "paused"
    return human_time(job.expected_due_at) if job.expected_due_at else "–"


def _facts(job: ExpectedBackupJob) -> list[tuple[str, str]]:
    """When it is due, and where its files are."""
    facts = [("next due", due) for due in _due_times(job)]
    if not job.is_active:
        facts = [("next due", _next_due(job))]
    year = job.expected_due_at.year if job.expected_due_at else now().year
    values = job.path_values("FILE", year)
    templates = {
        "reports in": job.agent_log_deposit_path_template,
        "staged at": job.agent_deposit_path_template,
        "good copy to": job.final_storage_path_template,
    }
    facts += [(title, _path(template, values)) for title, template in templates.items()]
    return [*facts, ("last good copy", _last_good(job))]


def _path(template: str, values: Values) -> str:
    try:
        return "/".join(render(template, values))
    except TemplateError as error:
        return f"cannot be made: {error.message}"


def _due_times(job: ExpectedBackupJob) -> list[str]:
    moment = job.expected_due_at
    found: list[str] = []
    while moment is not None and len(found) < _NEXT_TIMES:
        cycle = job.cycles.cycle_at(moment)
        found.append(f"{human_time(cycle.due)}, missing after {human_time(cycle.deadline)}")
        moment = job.cycles.next_cycle(moment).due
    return found


def _last_good(job: ExpectedBackupJob) -> str:
    copy = last_good_copy(job.id)
    if copy is None:
        return "none"
    age = human_span(now() - copy.report_end_at)
    told = f"{copy.path}, {human_bytes(copy.size)}, {age} old"
    return f"{told}, SHA-256 {short_hash(copy.sha256)}…" if copy.sha256 else told


def _echo_entries(job: ExpectedBackupJob) -> None:
    entries = job_history(job.id, _LAST_ENTRIES)
    if not entries:
        click.echo("\nNo cycle has been judged yet.")
        return
    click.echo(f"\nLast entries (all of them: flask history {job.id})")
    print_table(
        [Column("cycle due"), Column("status"), Column("what was found", wide=True)],
        [[human_time(e.cycle_due_at), status_text(e.status), e.message] for e in entries],
    )

"""``flask jobs``: the group, and the commands that change jobs."""

from __future__ import annotations

import click

from backupmon.cli.edge import fail, needs_database, print_json
from backupmon.cli.job_adopting import adopt_command
from backupmon.cli.job_files import export_command, import_command
from backupmon.cli.job_options import actor, defaults, field_options, given, now
from backupmon.cli.job_pages import list_command, show_command
from backupmon.core import job_fields
from backupmon.core.errors import BackupmonError, RefusedError
from backupmon.core.words import human_time
from backupmon.models import ExpectedBackupJob
from backupmon.services.history import find_job
from backupmon.services.jobs import (
    add_job,
    count_entries,
    delete_job,
    last_good_copy,
    pause_job,
    resume_job,
    update_job,
)

JOB_IDS = click.argument("job_ids", metavar="JOB_ID...", nargs=-1, required=True, type=int)


@click.group("jobs")
def jobs_group() -> None:
    """Say which backups are expected."""


@jobs_group.command("add")
@field_options()
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
@needs_database
def add_command(as_json: bool, **values: str | None) -> None:
    """Add a job, and print its id.

    Needed are company, city, database, agent and schedule.
    """
    job = add_job(given(values), defaults(), now(), actor())
    if as_json:
        print_json(job.as_dict())
        return
    click.echo(str(job.id))
    click.echo(f"added {job.title}; {_coming(job)}", err=True)


@jobs_group.command("update")
@click.argument("job_id", type=int)
@field_options()
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON.")
@needs_database
def update_command(job_id: int, as_json: bool, **values: str | None) -> None:
    """Change the fields of job JOB_ID that are given; an empty one gets its default."""
    changes = given(values)
    before = find_job(job_id).version
    if not changes:
        fail(BackupmonError("nothing to change was given", "flask jobs update --help lists fields"))
    job = update_job(job_id, changes, defaults(), now(), actor())
    if as_json:
        print_json(job.as_dict())
    elif job.version == before:
        click.echo(f"Job {job.id}, {job.title}, is like that already.")
    else:
        click.echo(f"Changed job {job.id}, {job.title}; {_coming(job)}.")


@jobs_group.command("pause")
@JOB_IDS
@click.option("--until", metavar="ISO", help="When it ends by itself; else it is resumed by you.")
@needs_database
def pause_command(job_ids: tuple[int, ...], until: str | None) -> None:
    """Expect nothing of jobs JOB_ID... for a while; what arrives is stored, silently."""
    try:
        moment = None if until is None else job_fields.moment(until)
    except RefusedError as error:
        fail(BackupmonError(f"--until {error.message}", error.hint))
    for job in _all_of(job_ids):
        paused = pause_job(job.id, moment, now(), actor())
        length = f"until {human_time(moment)}" if moment else "until it is resumed"
        click.echo(f"Paused job {paused.id}, {paused.title}, {length}.")


@jobs_group.command("resume")
@JOB_IDS
@needs_database
def resume_command(job_ids: tuple[int, ...]) -> None:
    """Expect the backups of paused jobs JOB_ID... again, from the next due time on."""
    for job in _all_of(job_ids):
        if job.is_active:
            click.echo(f"Job {job.id}, {job.title}, is not paused.")
            continue
        resumed = resume_job(job.id, now(), actor())
        click.echo(f"Resumed job {resumed.id}, {resumed.title}; {_coming(resumed)}.")


@jobs_group.command("delete")
@JOB_IDS
@click.option("--yes", is_flag=True, help="Do not ask.")
@needs_database
def delete_command(job_ids: tuple[int, ...], yes: bool) -> None:
    """Delete jobs JOB_ID..., after asking once. History and files stay."""
    jobs = _all_of(job_ids)
    for job in jobs:
        click.echo(f"Job {job.id}, {job.title}: {_what_stays(job)}")
    if not yes and not click.confirm(f"Delete {_count(jobs)}?", default=False):
        fail(BackupmonError("nothing was changed"))
    for job in jobs:
        delete_job(job.id, now(), actor())
    click.echo(f"Deleted {_count(jobs)}. Adding the same agent and database brings one back.")


for _command in (list_command, show_command, import_command, export_command, adopt_command):
    jobs_group.add_command(_command)


def _all_of(job_ids: tuple[int, ...]) -> list[ExpectedBackupJob]:
    """The jobs, each once; a number that is none stops before anything is changed."""
    return [find_job(job_id) for job_id in dict.fromkeys(job_ids)]


def _coming(job: ExpectedBackupJob) -> str:
    if not job.is_active or job.expected_due_at is None:
        return "paused"
    return f"next due {human_time(job.expected_due_at)}"


def _what_stays(job: ExpectedBackupJob) -> str:
    count = count_entries(job.id)
    copy = last_good_copy(job.id)
    kept = f"its good copy {copy.path} stays" if copy else "it has no good copy"
    return f"{kept}; {count} {'entry' if count == 1 else 'entries'} of history stay hidden."


def _count(jobs: list[ExpectedBackupJob]) -> str:
    return "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"

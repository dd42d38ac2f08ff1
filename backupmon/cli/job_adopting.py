"""``flask jobs adopt``: jobs of what agents report and nobody expects yet."""

from __future__ import annotations

from collections.abc import Sequence

import click

from backupmon.cli.edge import needs_database, print_json
from backupmon.cli.job_options import (
    IDENTITY,
    actor,
    defaults,
    fail_rows,
    field_options,
    given,
    now,
)
from backupmon.cli.tables import Column, print_table
from backupmon.core.phrases import Phrase, in_english
from backupmon.core.text import one_line
from backupmon.core.words import human_time
from backupmon.models import Discovery
from backupmon.services.discoveries import (
    Adopted,
    adopt,
    discovery_dict,
    find_discovery,
    list_discoveries,
)
from backupmon.services.job_drafts import RowsRefusedError


@click.command("adopt")
@click.argument("agent_id", metavar="[AGENT", required=False)
@click.argument("database", metavar="DATABASE]", required=False)
@click.option("--all", "every", is_flag=True, help="Adopt all of them.")
@click.option("--agent", metavar="ID", help="With --all, or to list: of this agent only.")
@click.option("--ignored", is_flag=True, help="Of those that somebody chose to ignore.")
@field_options(*IDENTITY)
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
@needs_database
def adopt_command(
    agent_id: str | None,
    database: str | None,
    every: bool,
    agent: str | None,
    ignored: bool,
    as_json: bool,
    **values: str | None,
) -> None:
    """Make jobs of databases that agents report; without arguments, list them.

    What is not given is guessed, and said: the schedule from when its reports ended, the rest
    from another job of the agent, else from the agent's id. What somebody chose to ignore is
    left out, unless it is named or --ignored is given.
    """
    if agent_id and (every or agent):
        raise click.UsageError("give AGENT and DATABASE, or --all; not both")
    if agent_id and not database:
        raise click.UsageError(f"name the DATABASE too, or give --all --agent {agent_id}")
    if not agent_id and not every:
        if given(values):
            raise click.UsageError("name AGENT and DATABASE, or give --all")
        _echo_discoveries(list_discoveries(agent, ignored=ignored), as_json)
        return
    found = list_discoveries(agent, ignored=ignored)
    if agent_id:
        found = [find_discovery(agent_id, database or "")]
    try:
        adopted = adopt(found, given(values), defaults(), now(), actor())
    except RowsRefusedError as error:
        fail_rows(error)
    _echo_adopted(adopted, as_json)


def _echo_discoveries(found: Sequence[Discovery], as_json: bool) -> None:
    if as_json:
        print_json([discovery_dict(discovery) for discovery in found])
        return
    if not found:
        click.echo("Every database that agents report is expected by a job.")
        return
    print_table(
        [*map(Column, ("agent", "database", "last seen")), Column("times", right=True)],
        [
            [d.agent_id, d.database_name, human_time(d.last_seen_at), str(d.seen_count)]
            for d in found
        ],
    )
    click.echo("\nMake a job with: flask jobs adopt AGENT DATABASE   or all with: --all")


def _echo_adopted(adopted: Sequence[Adopted], as_json: bool) -> None:
    if as_json:
        print_json([one.job.as_dict() for one in adopted])
        return
    if not adopted:
        click.echo("There is nothing to adopt.")
    for one in adopted:
        click.echo(f"Job {one.job.id}: {one_line(one.job.title)}")
        for line in guess_lines(one):
            click.echo(f"  guessed: {one_line(line, 500)}")
    if any(one.guesses for one in adopted):
        click.echo("Where a guess is wrong: flask jobs update JOB_ID --schedule …")


def guess_lines(adopted: Adopted) -> list[str]:
    """What was guessed and why, a line for each reason."""
    found: dict[Phrase, list[str]] = {}
    for guess in adopted.guesses:
        place = f" in {adopted.job.timezone}" if guess.field == "schedule" else ""
        found.setdefault(guess.why, []).append(f'{guess.field} "{guess.value}"{place}')
    return [f"{', '.join(names)}, {in_english(why)}" for why, names in found.items()]

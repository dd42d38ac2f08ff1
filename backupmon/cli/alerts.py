"""``flask alerts``: what waits, what fails and why; and to hear less of what is known."""

from __future__ import annotations

import getpass
from dataclasses import replace
from datetime import UTC, datetime

import click

from backupmon.cli.channels import channels_group
from backupmon.cli.edge import mail_address, needs_database, print_json, settings
from backupmon.cli.scan import Moment
from backupmon.cli.tables import Column, print_table
from backupmon.core.alert_policy import AlertKind
from backupmon.core.digest_policy import DigestWish, Rhythm
from backupmon.core.errors import BackupmonError, RefusedError
from backupmon.core.words import human_time
from backupmon.models.alerts import MAIL, Alert, AlertMessage, AlertState
from backupmon.services.alert_list import FAILING, Wanted, find_alerts
from backupmon.services.alert_recipients import (
    read_minute,
    set_digest,
    set_language,
    wish_of,
    wishes_of,
)
from backupmon.services.alerts import (
    alert_dict,
    count_alerts,
    failing_messages,
    retry_alerts,
    send_trial,
)
from backupmon.services.delivery import deliver_alerts
from backupmon.services.silences import acknowledge_job, end_silence, list_silences, snooze_job


@click.group("alerts")
def alerts_group() -> None:
    """See what is told to whom, try again, and hear less of what is known."""


alerts_group.add_command(channels_group)


@alerts_group.command("list")
@click.option(
    "--state", type=click.Choice([FAILING, *(s.value for s in AlertState)]), help="Only these."
)
@click.option("--kind", type=click.Choice([k.value for k in AlertKind]), help="Only these.")
@click.option("--recipient", default="", help="Only to addresses with this in them.")
@click.option("--agent", default="", help="Only of this agent.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
@needs_database
def list_command(
    state: str | None, kind: str | None, recipient: str, agent: str, limit: int, as_json: bool
) -> None:
    """List alerts, the newest first, and what fails."""
    wanted = Wanted(state or "", kind or "", recipient, agent)
    alerts = find_alerts(wanted, size=limit).alerts
    if as_json:
        print_json([alert_dict(alert) for alert in alerts])
        return
    if alerts:
        print_table(_COLUMNS, [_row(alert) for alert in alerts])
    else:
        click.echo("There are no alerts.")
    _tell_trouble()


_COLUMNS = [
    Column("raised"),
    Column("kind"),
    Column("about", wide=True),
    Column("to", cut=True),
    Column("state"),
]


def _row(alert: Alert) -> list[str]:
    about = alert.job.title if alert.job else alert.condition.code if alert.condition else ""
    # A digest is about all.
    about = about or "-"
    state = alert.state + (f" ({alert.note})" if alert.note else "")
    return [
        human_time(alert.raised_at),
        alert.kind,
        f"{about} {alert.status or ''}".strip(),
        _reached_by(alert),
        state,
    ]


def _reached_by(message: Alert | AlertMessage) -> str:
    by = "" if message.destination == MAIL else f" by {message.destination.replace(':', ' ')}"
    return f"{message.recipient}{by}"


def _tell_trouble() -> None:
    waiting = count_alerts()[AlertState.WAITING.value]
    if waiting and settings().mail_server is None:
        click.echo(f"{waiting} wait: no mail server is set.")
        click.echo("hint: set BACKUPMON_MAIL_SERVER; see docs/alerts.md")
    for message in failing_messages():
        again = f"; next try {human_time(message.next_try_at)}" if message.next_try_at else ""
        click.echo(
            f"Not sent to {_reached_by(message)} ({message.attempts} tries): "
            f"{message.last_error}{again}"
        )
    for silence in list_silences(datetime.now(UTC)):
        until = human_time(silence.until) if silence.until else f"{silence.status} is over"
        click.echo(
            f"Silent: job {silence.job_id} ({silence.job.title}) until {until}, by "
            f"{silence.actor}{': ' if silence.note else ''}{silence.note}"
        )


@alerts_group.command("retry")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@needs_database
def retry_command(addresses: tuple[str, ...]) -> None:
    """Try at once what waits for its next try; without ADDRESS, for everybody."""
    wanted = [mail_address(address) for address in addresses]
    found = retry_alerts(_actor(), datetime.now(UTC), wanted)
    result = deliver_alerts(settings(), datetime.now(UTC))
    click.echo(f"{found} waited for another try; {result.sent} sent, {result.refused} refused.")
    if result.error is not None:
        raise BackupmonError(result.error.message, result.error.hint)


@alerts_group.command("test")
@click.argument("address")
@needs_database
def test_command(address: str) -> None:
    """Send a mail to ADDRESS, to see whether mails arrive."""
    sent_to = send_trial(settings(), mail_address(address), _actor(), datetime.now(UTC))
    click.echo(f"The mail server took a mail to {sent_to}.")


@alerts_group.command("language")
@click.argument("address")
@click.argument("language", type=click.Choice(["en", "fr", "default"]))
@needs_database
def language_command(address: str, language: str) -> None:
    """Let mails to ADDRESS be in LANGUAGE; "default" is that of BACKUPMON_LANGUAGE."""
    wanted = None if language == "default" else language
    row = set_language(mail_address(address), wanted, _actor(), datetime.now(UTC))
    click.echo(f"Mails to {row.address} are in {row.language or settings().language}.")


@alerts_group.command("digest")
@click.argument("address")
@click.argument("rhythm", type=click.Choice(["daily", "weekly", "off", "default"]))
@click.option("--at", "time", metavar="HH:MM", help="When; usual is 07:00.")
@click.option(
    "--timezone", help="By the clocks of which zone; usual is BACKUPMON_DEFAULT_TIMEZONE."
)
@needs_database
def digest_command(address: str, rhythm: str, time: str | None, timezone: str | None) -> None:
    """Send ADDRESS a digest daily, weekly (on Mondays) or not at all.

    "default" is what BACKUPMON_ALERT_DIGEST says for those of BACKUPMON_ALERT_RECIPIENTS, and no
    digest for others. Without --at and --timezone those stay as they were.
    """
    wanted = mail_address(address)
    before = wishes_of(wanted)
    wishes = replace(
        before,
        rhythm=_RHYTHMS[rhythm],
        minute=before.minute if time is None else _minute(time),
        timezone=before.timezone if timezone is None else timezone,
    )
    row = set_digest(wanted, wishes, _actor(), datetime.now(UTC))
    click.echo(_told_digest(row.address, wish_of(settings(), row)))


_RHYTHMS = {
    "daily": Rhythm.DAILY,
    "weekly": Rhythm.WEEKLY,
    "off": Rhythm.NONE,
    "default": Rhythm.USUAL,
}


def _minute(time: str) -> int:
    try:
        return read_minute(time)
    except RefusedError as error:
        raise RefusedError(f"--at {error.message}", error.hint) from error


def _told_digest(address: str, wish: DigestWish) -> str:
    when = {Rhythm.DAILY: "every day", Rhythm.WEEKLY: "on Mondays"}.get(wish.rhythm)
    if when is None:
        return f"{address} gets no digest."
    return f"{address} gets a digest {when} at {wish.time} ({wish.timezone})."


@alerts_group.command("snooze")
@click.argument("job_id", type=int)
@click.option("--until", type=Moment(), required=True, help="Until when, in ISO 8601.")
@click.option("--note", default="", help="Why.")
@needs_database
def snooze_command(job_id: int, until: datetime, note: str) -> None:
    """Tell nothing of the trouble of JOB_ID until a moment."""
    snooze_job(job_id, until, _actor(), datetime.now(UTC), note)
    click.echo(f"Job {job_id} is snoozed until {human_time(until)}.")


@alerts_group.command("acknowledge")
@click.argument("job_id", type=int)
@click.option("--note", default="", help="What is being done about it.")
@needs_database
def acknowledge_command(job_id: int, note: str) -> None:
    """Tell no more of the trouble of JOB_ID until it is over or becomes another."""
    row = acknowledge_job(job_id, _actor(), datetime.now(UTC), note)
    click.echo(f"Job {job_id}: {row.status} is known; nothing more is told of it.")


@alerts_group.command("unsilence")
@click.argument("job_id", type=int)
@needs_database
def unsilence_command(job_id: int) -> None:
    """Tell of the trouble of JOB_ID again."""
    ended = end_silence(settings(), job_id, _actor(), datetime.now(UTC))
    click.echo(f"Job {job_id} is told of again." if ended else f"Job {job_id} was not silent.")


def _actor() -> str:
    return f"cli:{getpass.getuser()}"

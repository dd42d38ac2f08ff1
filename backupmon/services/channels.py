"""Channels: other ways than mail to tell somebody; beside mail, never in place of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import joinedload

from backupmon.config import Settings
from backupmon.core.channels import masked, read_channel_url
from backupmon.core.errors import BackupmonError, NotFoundError, RefusedError
from backupmon.core.job_fields import address as read_address
from backupmon.core.job_fields import name as read_name
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import (
    MAIL,
    Alert,
    AlertChannel,
    AlertMessage,
    AlertRecipient,
    AlertState,
    MessageState,
)
from backupmon.services.alert_recipients import ALONE, reading_as, take_recipient
from backupmon.services.announcing import announce, check_channel
from backupmon.services.audit import Act, record_acts
from backupmon.services.messages import UNSENT

#: For one person.
_MOST = 10
_BATCH = 500


def list_channels() -> Sequence[AlertChannel]:
    """All of them, with whose they are, by their addresses."""
    query = (
        select(AlertChannel)
        .join(AlertRecipient)
        .options(joinedload(AlertChannel.recipient))
        .order_by(AlertRecipient.address_key, AlertChannel.id)
    )
    return db.session.scalars(query).all()


def channel_names() -> dict[str, str]:
    """How people name the channels, by their destinations."""
    rows = db.session.execute(select(AlertChannel.id, AlertChannel.name))
    return {f"channel:{number}": name for number, name in rows}


def find_channel(channel_id: int) -> AlertChannel:
    """The channel of that number.

    Raises
    ------
    NotFoundError
    """
    found = db.session.get(AlertChannel, channel_id) if 0 < channel_id < 2**31 else None
    if found is None:
        raise NotFoundError(f"there is no channel {channel_id}", "flask alerts channels list")
    return found


def add_channel(
    settings: Settings, address: str, name: str, url: str, actor: str, now: datetime
) -> AlertChannel:
    """Tell somebody by one way more.

    Raises
    ------
    RefusedError
        When one of the three cannot be used. The words hold nothing of `url`.
    ChannelError
        When Apprise cannot use it, or is not there.
    """
    read_address(address)
    wanted = read_name(name)
    if not wanted:
        raise RefusedError("the name is empty", "give one by which people know the channel")
    secret = read_channel_url(url, in_the_clear=settings.allow_private_addresses)
    check_channel(settings, secret)
    begin_write(alone=ALONE)
    recipient = take_recipient(address, now)
    if len(recipient.channels) >= _MOST:
        raise RefusedError(f"{address} has {_MOST} channels already", "remove one first")
    row = AlertChannel(recipient_id=recipient.id, name=wanted, url=secret, created_at=now)
    try:
        db.session.add(row)
        db.session.flush()
        record_acts([Act("channel.add", "alert_channel", row.id, None, _told(row))], actor, now)
        db.session.commit()
    except SQLAlchemyError as error:
        db.session.rollback()
        # Its own words hold what was to be written.
        kind = type(error).__name__
        raise BackupmonError(f"the channel could not be kept ({kind})", "try again") from None
    return row


def remove_channel(channel_id: int, actor: str, now: datetime) -> AlertChannel:
    """Tell nobody by that way any more, nor what waits for it.

    Raises
    ------
    NotFoundError
    """
    begin_write(alone=ALONE)
    row = find_channel(channel_id)
    before = _told(row)
    values = {"state": AlertState.WITHDRAWN.value, "note": to_translate("the channel was removed")}
    waiting = (Alert.destination == row.destination) & (Alert.state == AlertState.WAITING.value)
    db.session.execute(
        update(Alert).where(waiting).values(values).execution_options(synchronize_session=False)
    )
    # Nor is what failed there tried again, or said to fail.
    db.session.execute(
        update(AlertMessage)
        .where(AlertMessage.destination == row.destination, AlertMessage.state.in_(UNSENT))
        .values(state=MessageState.DROPPED.value)
        .execution_options(synchronize_session=False)
    )
    db.session.delete(row)
    record_acts([Act("channel.remove", "alert_channel", row.id, before, None)], actor, now)
    db.session.commit()
    return row


def try_channel(settings: Settings, channel_id: int) -> AlertChannel:
    """Send a message on trial by a channel, at once.

    Raises
    ------
    NotFoundError
    ChannelError
        When it was not taken.
    """
    row = find_channel(channel_id)
    with reading_as(settings, row.recipient.address_key):
        title = str(gettext("backupmon: this message arrived"))
        body = str(gettext("Alerts of backups will reach you here."))
    url = row.url
    # No transaction stays open while the service takes its time.
    db.session.commit()
    announce(settings, url, title, body)
    return row


def with_channels(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The alerts `rows`, by mail and by every channel of their recipients.

    One that has ``ways`` goes by those of them alone.
    """
    found: dict[str, list[str]] = {}
    for key, number in _channels_of({row["recipient_key"] for row in rows}):
        found.setdefault(key, []).append(f"channel:{number}")
    alerts = []
    for row in rows:
        ways = (MAIL, *found.get(row["recipient_key"], ()))
        only = row.get("ways", ways)
        plain = {name: value for name, value in row.items() if name != "ways"}
        alerts += [{**plain, "destination": way} for way in ways if way in only]
    return alerts


def _channels_of(keys: Iterable[str]) -> list[Any]:
    wanted = sorted(keys)
    found: list[Any] = []
    for start in range(0, len(wanted), _BATCH):
        query = (
            select(AlertRecipient.address_key, AlertChannel.id)
            .join(AlertChannel, AlertChannel.recipient_id == AlertRecipient.id)
            .where(AlertRecipient.address_key.in_(wanted[start : start + _BATCH]))
            .order_by(AlertChannel.id)
        )
        found += db.session.execute(query).all()
    return found


def _told(row: AlertChannel) -> dict[str, Any]:
    """What the audit log says of it: whose, its name, its kind."""
    return {"address": row.recipient.address, "name": row.name, "url": masked(row.url)}

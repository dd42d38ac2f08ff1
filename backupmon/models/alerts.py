"""What is to be told to whom: the outbox, and how each person wants to be told."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backupmon.extensions import Model
from backupmon.models.columns import UtcDateTime

if TYPE_CHECKING:
    from backupmon.models.entries import BackupEntry
    from backupmon.models.jobs import ExpectedBackupJob
    from backupmon.models.server import ServerCondition

#: The destination of what goes by mail; ``channel:7`` is the channel of that number.
MAIL = "mail"
_ONCE = ("kind", "occurrence", "recipient_key", "destination")


class AlertState(StrEnum):
    """What has become of an alert."""

    #: To be sent.
    WAITING = "waiting"
    SENT = "sent"
    #: Never sent: after three days it is no news.
    EXPIRED = "expired"
    #: No longer true. With `sent_at`, somebody was told before it was found out.
    WITHDRAWN = "withdrawn"


class MessageState(StrEnum):
    """How far a message has come."""

    #: Not handed over: more may be added to it.
    OPEN = "open"
    #: Handed over, and the answer is not known: only the very same may be sent again.
    HANDED_OVER = "handed_over"
    SENT = "sent"
    #: Given up: all that it was to say has expired or been withdrawn.
    DROPPED = "dropped"


class Alert(Model):
    """One thing that one person is to be told in one way: a row of the outbox."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: `core.alert_policy.AlertKind`.
    kind: Mapped[str] = mapped_column(String(16))
    entry_id: Mapped[int | None] = mapped_column(ForeignKey("backup_entries.id"))
    condition_id: Mapped[int | None] = mapped_column(ForeignKey("server_conditions.id"))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("expected_backup_jobs.id"))
    #: What is gathered together: an agent's key, or a server condition after a slash.
    agent_key: Mapped[str] = mapped_column(String(255), default="")
    #: Of the entry, which may be withdrawn one day.
    cycle_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str | None] = mapped_column(String(32))
    #: Tells apart what may be said more than once of one thing: the day of a reminder.
    occurrence: Mapped[str] = mapped_column(String(32), default="")
    recipient: Mapped[str] = mapped_column(String(255))
    #: `recipient` as addresses are compared: in lower case.
    recipient_key: Mapped[str] = mapped_column(String(255))
    destination: Mapped[str] = mapped_column(String(32), default=MAIL)
    state: Mapped[str] = mapped_column(String(16), default=AlertState.WAITING.value)
    #: The moment of the scan that raised it (``--as-of`` where that was given).
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When it was over, whether or not that was told; None while the trouble lasts.
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Why it was withdrawn, or what else is to be said.
    note: Mapped[str] = mapped_column(Text, default="")
    message_id: Mapped[int | None] = mapped_column(ForeignKey("alert_messages.id"), index=True)

    entry: Mapped[BackupEntry | None] = relationship()
    job: Mapped[ExpectedBackupJob | None] = relationship()
    condition: Mapped[ServerCondition | None] = relationship()
    message: Mapped[AlertMessage | None] = relationship()

    __table_args__ = (
        # Each thing is told once; where one is about neither, both let it pass.
        UniqueConstraint("entry_id", *_ONCE, name="uq_alerts_entry"),
        UniqueConstraint("condition_id", *_ONCE, name="uq_alerts_condition"),
        Index("ix_alerts_job", "job_id", "id"),
        Index(
            "ix_alerts_waiting",
            "recipient_key",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        # What a recovery would answer: asked for with every verdict, and nearly always empty.
        Index(
            "ix_alerts_unanswered",
            "job_id",
            sqlite_where=text("answered_at IS NULL"),
            postgresql_where=text("answered_at IS NULL"),
        ),
        Index("ix_alerts_raised_at", "raised_at"),
        # A digest is about neither: once per period.
        Index(
            "uq_alerts_digest",
            "recipient_key",
            "occurrence",
            "destination",
            unique=True,
            sqlite_where=text("kind = 'digest'"),
            postgresql_where=text("kind = 'digest'"),
        ),
    )


class AlertMessage(Model):
    """One message to one person: what it says are the alerts that name it."""

    __tablename__ = "alert_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: As mail knows it, with its angle brackets. It never changes, so that a double is known.
    header_id: Mapped[str] = mapped_column(String(255), unique=True)
    recipient: Mapped[str] = mapped_column(String(255))
    recipient_key: Mapped[str] = mapped_column(String(255))
    destination: Mapped[str] = mapped_column(String(32), default=MAIL)
    is_digest: Mapped[bool] = mapped_column(default=False)
    #: Whose it is alone, as alerts are gathered; None is for all that waits for its recipient.
    agent_key: Mapped[str | None] = mapped_column(String(255))
    #: When its text was refused: from then on it leaves out what its agent said.
    words_refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16), default=MessageState.OPEN.value)
    subject: Mapped[str] = mapped_column(Text, default="")
    #: By the clock, not by the scan's: what its Date header says.
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    #: Of those: after how many nobody knows whether it was taken.
    doubts: Mapped[int] = mapped_column(default=0, server_default="0")
    last_tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Of one that is sent: why it may not have arrived.
    last_error: Mapped[str] = mapped_column(Text, default="")
    #: By the scan's clock, which gathering goes by.
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    lease_host: Mapped[str | None] = mapped_column(String(255))
    lease_pid: Mapped[int | None]
    lease_process_start: Mapped[int | None] = mapped_column(BigInteger)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index(
            "ix_alert_messages_unsent",
            "recipient_key",
            sqlite_where=text("state IN ('open', 'handed_over')"),
            postgresql_where=text("state IN ('open', 'handed_over')"),
        ),
        Index("ix_alert_messages_recipient_sent", "recipient_key", "sent_at"),
    )

    @property
    def is_plain(self) -> bool:
        """Whether it leaves out what its agent said."""
        return self.words_refused_at is not None


class AlertRecipient(Model):
    """How one person wants to be told. Who has no row gets what is usual."""

    __tablename__ = "alert_recipients"

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(String(255))
    address_key: Mapped[str] = mapped_column(String(255), unique=True)
    #: ``en`` or ``fr``; None is the setting's.
    language: Mapped[str | None] = mapped_column(String(8))
    #: ``usual``, ``none``, ``daily`` or ``weekly``.
    digest: Mapped[str] = mapped_column(String(16), default="usual")
    #: Minutes after midnight at which a digest is due; None is what is usual.
    digest_minute: Mapped[int | None]
    #: Which times of mails are in, and `digest_minute` is of; None is DEFAULT_TIMEZONE.
    timezone: Mapped[str | None] = mapped_column(String(64))
    #: When the last one was entered, or when digests began to be wanted.
    digest_raised_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When digests began to be wanted as they are; None is `created_at`.
    digest_wanted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    channels: Mapped[list[AlertChannel]] = relationship(
        back_populates="recipient", cascade="all, delete-orphan", order_by="AlertChannel.id"
    )


class AlertChannel(Model):
    """Another way than mail to tell somebody: chat, push, SMS, tickets."""

    __tablename__ = "alert_channels"

    id: Mapped[int] = mapped_column(primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("alert_recipients.id"), index=True)
    #: How people name it; the URL holds secrets, and is never shown.
    name: Mapped[str] = mapped_column(String(255))
    url: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    recipient: Mapped[AlertRecipient] = relationship(back_populates="channels")

    # A number once given is named by alerts of the past.
    __table_args__ = ({"sqlite_autoincrement": True},)

    @property
    def destination(self) -> str:
        """How alerts name it."""
        return f"channel:{self.id}"


class AlertSilence(Model):
    """An operator's word that a job's trouble is not to be told: a snooze, or that it is known."""

    __tablename__ = "alert_silences"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("expected_backup_jobs.id"))
    #: The end of a snooze; None for an acknowledgement.
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: What was acknowledged; None for a snooze.
    status: Mapped[str | None] = mapped_column(String(32))
    note: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    job: Mapped[ExpectedBackupJob] = relationship()

    __table_args__ = (
        Index(
            "ix_alert_silences_open",
            "job_id",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

"""The tables, one file per family."""

from backupmon.models.accounts import ApiToken, EndedSession, LoginTry, SetupLink, User
from backupmon.models.alerts import (
    MAIL,
    Alert,
    AlertChannel,
    AlertMessage,
    AlertRecipient,
    AlertSilence,
    AlertState,
    MessageState,
)
from backupmon.models.audit import AuditEvent
from backupmon.models.changes import StateChange
from backupmon.models.entries import BackupEntry
from backupmon.models.jobs import ExpectedBackupJob
from backupmon.models.reports import AgentReport, Discovery
from backupmon.models.server import ScanRun, ServerCondition, StorageRoot
from backupmon.models.stored import StoredBackup, StoredState
from backupmon.models.totals import MeasuredTotal

__all__ = [
    "MAIL",
    "AgentReport",
    "Alert",
    "AlertChannel",
    "AlertMessage",
    "AlertRecipient",
    "AlertSilence",
    "AlertState",
    "ApiToken",
    "AuditEvent",
    "BackupEntry",
    "Discovery",
    "EndedSession",
    "ExpectedBackupJob",
    "LoginTry",
    "MeasuredTotal",
    "MessageState",
    "ScanRun",
    "ServerCondition",
    "SetupLink",
    "StateChange",
    "StorageRoot",
    "StoredBackup",
    "StoredState",
    "User",
]

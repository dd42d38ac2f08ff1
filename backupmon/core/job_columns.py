"""What each field of a job means, as commands and pages tell it."""

from __future__ import annotations

from collections.abc import Mapping

from backupmon.core.alert_policy import AlertWhen, Reminders
from backupmon.core.job_spec import ContentPolicy, PromotionMode
from backupmon.core.paths import DEFAULT_DEPOSIT, DEFAULT_FINAL, DEFAULT_LOG
from backupmon.core.words import to_translate

MEANINGS: Mapping[str, str] = {
    "year": to_translate("Year in the final path; without it, the year of the cycle."),
    "company_name": to_translate("The company the database belongs to."),
    "city": to_translate("Where the agent is."),
    "neighborhood": to_translate("Part of the city, where one has several sites."),
    "database_name": to_translate("The database, as the agent's report names it."),
    "agent_id_responsible": to_translate("The agent that delivers it: the name of its folder."),
    "schedule": to_translate('Cron expression of five fields, such as "30 2 * * *".'),
    "timezone": to_translate("IANA time zone that the schedule is read in."),
    "grace_minutes": to_translate("Minutes after the due time before the backup is missing."),
    "early_minutes": to_translate("Minutes before the due time that still count."),
    "content_policy": to_translate("What the content must do from one backup to the next."),
    "agent_deposit_path_template": to_translate("Where the agent stages the file."),
    "agent_log_deposit_path_template": to_translate("Where the agent puts its reports."),
    "final_storage_path_template": to_translate("Where the good copy goes."),
    "promotion_mode": to_translate("Whether the staged file goes or stays."),
    "notification_recipients": to_translate("Mail addresses, comma-separated."),
    "alert_when": to_translate("How often a job that stays bad is told of."),
    "alert_reminders": to_translate("Whether it is told that trouble lasts."),
    "is_active": to_translate("true, or false for a paused job."),
    "paused_until": to_translate("Pause until that moment, in ISO 8601."),
}
#: Where one of a few words is wanted.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "content_policy": tuple(ContentPolicy),
    "promotion_mode": tuple(PromotionMode),
    "alert_when": tuple(AlertWhen),
    "alert_reminders": tuple(Reminders),
}
#: What a path is where none is given.
USUAL_PATHS: Mapping[str, str] = {
    "agent_deposit_path_template": DEFAULT_DEPOSIT,
    "agent_log_deposit_path_template": DEFAULT_LOG,
    "final_storage_path_template": DEFAULT_FINAL,
}

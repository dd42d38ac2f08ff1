"""A small file of jobs that shows how one is written."""

from __future__ import annotations

import csv
import io
import json

from backupmon.core.errors import NotFoundError

_JOBS = (
    {
        "company_name": "Acme",
        "city": "Douala",
        "neighborhood": "Akwa",
        "agent_id_responsible": "acme_douala",
        "database_name": "shop",
        "schedule": "30 2 * * *",
        "timezone": "Africa/Douala",
        "grace_minutes": 90,
        "notification_recipients": "ann@example.org, bob@example.org",
    },
    {
        "company_name": "Acme",
        "city": "Yaoundé",
        "neighborhood": None,
        "agent_id_responsible": "acme_yaounde",
        "database_name": "stock",
        "schedule": "0 3 * * 1-5",
        "timezone": "Africa/Douala",
        "grace_minutes": 60,
        "notification_recipients": None,
    },
)


def sample(kind: str) -> tuple[str, str]:
    """The sample of a kind, "csv" or "json", and its media type.

    Raises
    ------
    NotFoundError
        For any other kind.
    """
    if kind == "csv":
        return _as_csv(), "text/csv"
    if kind == "json":
        return json.dumps(_JOBS, ensure_ascii=False, indent=2) + "\n", "application/json"
    raise NotFoundError("there is a sample in CSV and one in JSON")


def _as_csv() -> str:
    out = io.StringIO()
    # By it spreadsheets know UTF-8.
    out.write("\ufeff")
    writer = csv.DictWriter(out, _JOBS[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_JOBS)
    return out.getvalue()

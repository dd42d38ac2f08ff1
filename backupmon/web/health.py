"""``/health`` and ``/health/ready``: open to all, and silent about everything else."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app

from backupmon.services.readiness import readiness

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("")
def health() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}


@bp.get("/ready")
def ready() -> tuple[dict[str, Any], int]:
    """Say whether database, queue and scans are well; 503 when one is not."""
    found = readiness(current_app.extensions["backupmon"])
    return found.as_dict(), 200 if found.ready else 503

"""``/health``: whether the process serves. Open to all, and silent about everything else."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("health", __name__)


@bp.get("/health")
def health() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "ok"}

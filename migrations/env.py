"""Runs migrations on the application's database, inside ``flask db …``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog
from alembic import context
from flask import current_app

from backupmon.extensions import db

log = structlog.get_logger()


def note_step(*, step: Any, **_rest: Any) -> None:
    """Log one migration that was just run, up or down."""
    log.info("schema.step", migration=step.up_revision_id, up=step.is_upgrade)


def run_migrations() -> None:
    """Bring the database to a revision, all in one transaction where it can be undone."""
    if context.is_offline_mode():
        context.configure(
            url=db.engine.url.render_as_string(hide_password=False),
            target_metadata=db.metadata,
            literal_binds=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        return
    if db.engine.dialect.name == "sqlite" and db.engine.url.database:
        # The first command on a new server: SQLite makes the file, but not its folder.
        Path(db.engine.url.database).parent.mkdir(parents=True, exist_ok=True)
    arguments = current_app.extensions["migrate"].configure_args
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            on_version_apply=note_step,
            **arguments,
        )
        with context.begin_transaction():
            context.run_migrations()


run_migrations()

"""The schema, on SQLite and on PostgreSQL: migrations lead to what the models say, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import JSON, Column, MetaData, inspect, text

from backupmon.config import PROJECT_ROOT, Settings
from backupmon.core.job_spec import JobDefaults
from backupmon.extensions import db
from backupmon.services.jobs import add_job
from backupmon.services.schema import SchemaError, check_schema, upgrade_schema

MIGRATIONS = str(PROJECT_ROOT / "migrations")

#: As the first version stored it.
OLD_JOB = """
INSERT INTO expected_backup_jobs (
  company_name, city, database_name, agent_id_responsible, schedule, timezone, grace_minutes,
  early_minutes, content_policy, agent_deposit_path_template, agent_log_deposit_path_template,
  final_storage_path_template, promotion_mode, is_active, version, current_status, created_at,
  updated_at, agent_key, final_path_key
) VALUES (
  'Acme', 'Douala', 'shop', 'acme', '0 12 * * *', 'UTC', 30, 30, 'must_change', '', '', '', 'move',
  TRUE, 1, 'UNKNOWN', '2031-03-03 08:00:00', '2031-03-03 08:00:00', 'acme', ''
)
"""


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def differences() -> list[object]:
    """What a new migration would have to change."""
    with db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        found: list[object] = compare_metadata(
            MigrationContext.configure(connection, opts=options), db.metadata
        )
    return found


@pytest.mark.usefixtures("app")
def test_the_schema_after_all_migrations_is_that_of_the_models() -> None:
    assert differences() == []


@pytest.mark.usefixtures("app")
def test_the_comparison_notices_a_difference() -> None:
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE scan_runs DROP COLUMN host"))
        connection.execute(text("DROP INDEX uq_backup_entries_missing"))
    assert len(differences()) == 2


@pytest.mark.usefixtures("app")
def test_migrations_lead_to_nothing_and_up_again() -> None:
    downgrade(directory=MIGRATIONS, revision="base")
    assert tables() == {"alembic_version"}
    with pytest.raises(SchemaError, match="is empty"):
        check_schema()
    upgrade_schema()
    check_schema()
    assert differences() == []


@pytest.mark.usefixtures("app")
def test_each_migration_can_be_taken_back_alone() -> None:
    scripts = ScriptDirectory(MIGRATIONS)
    downgrade(directory=MIGRATIONS, revision="base")
    for script in reversed(list(scripts.walk_revisions())):
        upgrade(directory=MIGRATIONS, revision=script.revision)
        there = tables()
        downgrade(directory=MIGRATIONS, revision="-1")
        upgrade(directory=MIGRATIONS, revision=script.revision)
        assert tables() == there
    assert differences() == []


@pytest.mark.usefixtures("app")
def test_each_migration_goes_up_and_back_with_rows_in_every_table() -> None:
    scripts = ScriptDirectory(MIGRATIONS)
    downgrade(directory=MIGRATIONS, revision="base")
    revisions = [script.revision for script in reversed(list(scripts.walk_revisions()))]
    for revision in revisions:
        upgrade(directory=MIGRATIONS, revision=revision)
        fill_empty_tables()
    assert differences() == []
    assert all(count_rows(name) for name in tables())
    for revision in (*reversed(revisions[:-1]), *revisions[1:]):
        move = downgrade if revision < current_revision() else upgrade
        move(directory=MIGRATIONS, revision=revision)
    assert count_rows("expected_backup_jobs") == 1
    assert differences() == []


def current_revision() -> str:
    with db.engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())


def count_rows(table: str) -> int:
    with db.engine.connect() as connection:
        return int(connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar() or 0)


def fill_empty_tables() -> None:
    """One row in each table that has none; those that name another's name its row 1."""
    found = MetaData()
    found.reflect(db.engine)
    for table in found.sorted_tables:
        if count_rows(table.name):
            continue
        values = {column.name: _value(column) for column in table.columns}
        with db.engine.begin() as connection:
            connection.execute(table.insert().values(values))


def _value(column: Column[Any]) -> object:
    kind = column.type.python_type if not isinstance(column.type, JSON) else dict
    usual: dict[type, object] = {
        int: 1,
        str: "x",
        bool: True,
        datetime: datetime(2031, 3, 3),
        dict: {},
    }
    return usual[kind]


def test_a_database_of_a_newer_version_is_not_touched(app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="newer version"):
        check_schema()
    result = app.test_cli_runner().invoke(args=["init"])
    assert result.exit_code == 1
    assert "newer version" in result.stderr
    assert "hint: start the newer program" in result.stderr


def test_an_older_database_is_named_and_init_brings_it_up(app: Flask) -> None:
    downgrade(directory=MIGRATIONS, revision="0001")
    result = app.test_cli_runner().invoke(args=["scan"])
    assert result.exit_code == 1
    assert "older version" in result.stderr
    assert "flask db upgrade" in result.stderr
    assert app.test_cli_runner().invoke(args=["init"]).exit_code == 0
    check_schema()


@pytest.mark.usefixtures("app")
def test_jobs_of_an_older_version_are_told_of_in_each_cycle() -> None:
    downgrade(directory=MIGRATIONS, revision="0001")
    with db.engine.begin() as connection:
        connection.execute(text(OLD_JOB))
    upgrade_schema()
    with db.engine.begin() as connection:
        columns = text(
            "SELECT database_name, alert_when, alert_reminders FROM expected_backup_jobs"
        )
        assert connection.execute(columns).all() == [("shop", "every_cycle", "none")]


def test_jobs_of_an_older_version_are_found_by_the_search(app: Flask) -> None:
    add_job(
        {
            "company_name": "Clinique Sainte-Thérèse",
            "city": "Yaoundé",
            "database_name": "Patients",
            "agent_id_responsible": "ste_therese",
            "schedule": "0 2 * * *",
        },
        JobDefaults(),
        datetime(2031, 3, 3, tzinfo=UTC),
        "test",
    )
    query = text("SELECT search_key FROM expected_backup_jobs")
    expected = "clinique sainte-therese\nyaounde\n\nste_therese\npatients"
    assert db.session.scalar(query) == expected
    db.session.rollback()
    downgrade(directory=MIGRATIONS, revision="0003")
    upgrade_schema()
    assert db.session.scalar(query) == expected

"""Settings: read once from the environment or ``.env``, typed, and loud when wrong."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from backupmon.core.cron import check_timezone
from backupmon.core.errors import BackupmonError, ScheduleError

PREFIX = "BACKUPMON_"
PROJECT_ROOT = Path(__file__).resolve().parent.parent

#: Names with the prefix that are no settings of a server: for tests of crashes.
NOT_SETTINGS = frozenset({"FAILPOINTS"})


class SettingsError(BackupmonError):
    """A setting that cannot be used; the message names each with what is allowed."""


class Settings(BaseSettings):
    """What can be set, with its default. Every name bears the prefix ``BACKUPMON_``.

    ``NAME_FILE`` reads the value of ``NAME`` from a file, for secrets.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True
    )

    data_dir: Path = Field(
        PROJECT_ROOT / "instance", description="Folder for all that has no setting of its own."
    )
    database_url: str = Field("", description="SQLite in DATA_DIR unless set; or PostgreSQL.")
    deposit_root: Path = Field(Path(), description="Where agents deliver.")
    validated_root: Path = Field(Path(), description="The last good copy of each job.")
    quarantine_root: Path = Field(Path(), description="Files judged bad, kept for a person.")
    report_archive_root: Path = Field(Path(), description="Every report, as it was read.")
    settle_seconds: int = Field(
        60, ge=0, le=86_400, description="How long a wrong file or report may still be changing."
    )
    default_timezone: str = Field("UTC", description="Time zone of a job that names none.")
    default_grace_minutes: int = Field(
        30, ge=0, le=525_600, description="Minutes after the due time before a job is MISSING."
    )
    default_early_minutes: int = Field(
        30, ge=0, le=525_600, description="Minutes before the due time that still count."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least event that is logged."
    )
    log_format: Literal["text", "json"] = Field("text", description="One line per event, as this.")

    @field_validator("default_timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            check_timezone(value)
        except ScheduleError as error:
            raise ValueError(f"an IANA time zone is wanted; {error.hint}") from error
        return value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: object, info: Any) -> object:
        if not isinstance(value, str):
            return value
        return value.upper() if info.field_name == "log_level" else value.lower()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        for scheme in ("postgresql://", "postgres://"):
            if value.startswith(scheme):
                return "postgresql+psycopg://" + value.removeprefix(scheme)
        if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("sqlite:///FILE or postgresql://USER@HOST/NAME is wanted")
        return value

    @model_validator(mode="before")
    @classmethod
    def _below_data_dir(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Whatever has no setting of its own lies in DATA_DIR."""
        data_dir = Path(values.get("data_dir") or PROJECT_ROOT / "instance").expanduser().resolve()
        values["data_dir"] = data_dir
        places = {
            "deposit_root": "deposits",
            "validated_root": "validated",
            "quarantine_root": "quarantine",
            "report_archive_root": "reports",
        }
        for name, folder in places.items():
            given = values.get(name)
            values[name] = Path(given).expanduser().resolve() if given else data_dir / folder
        if not values.get("database_url"):
            values["database_url"] = f"sqlite:///{data_dir / 'backupmon.db'}"
        return values

    @model_validator(mode="after")
    def _roots_apart(self) -> Settings:
        roots = self.roots()
        for name, path in roots.items():
            for other, other_path in roots.items():
                if name != other and path.is_relative_to(other_path):
                    raise ValueError(
                        f"{name} ({path}) lies in {other} ({other_path}); each needs its own folder"
                    )
        return self

    def roots(self) -> dict[str, Path]:
        """The four roots by the name of their setting, in the order they are checked."""
        return {
            "DEPOSIT_ROOT": self.deposit_root,
            "VALIDATED_ROOT": self.validated_root,
            "QUARANTINE_ROOT": self.quarantine_root,
            "REPORT_ARCHIVE_ROOT": self.report_archive_root,
        }

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then ``NAME_FILE``, then ``.env``."""
        return (init_settings, env_settings, _NamedFiles(settings_cls), dotenv_settings)


class _NamedFiles(PydanticBaseSettingsSource):
    """Reads ``BACKUPMON_NAME`` from the file that ``BACKUPMON_NAME_FILE`` names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{PREFIX}{field_name.upper()}_FILE names {path!r}, which cannot be read: {error}",
                "point it at a readable text file, or unset it",
            ) from error

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(f, name)[0] for name, f in self._fields()}
        return {name: value for name, value in values.items() if value is not None}

    def _fields(self) -> list[tuple[str, FieldInfo]]:
        return list(self.settings_cls.model_fields.items())


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Parameters
    ----------
    overrides:
        Values that win over the environment, by lower-case name.

    Raises
    ------
    SettingsError
        Naming every wrong setting, its value, and what is allowed.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors()]
        raise SettingsError(
            "the settings cannot be used:\n  " + "\n  ".join(lines),
            "mend them in the environment or in .env, then start again",
        ) from error


def _explain(item: Any) -> str:
    allowed = item["msg"].removeprefix("Value error, ")
    if not item["loc"]:
        return str(allowed)
    name = PREFIX + str(item["loc"][0]).upper()
    return f"{name}={item['input']!r}: {allowed}"


def unknown_settings() -> list[str]:
    """A sentence for each variable with our prefix that is no setting: most are typos."""
    known = {name.upper() for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | NOT_SETTINGS
    found = []
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX)
        ours = variable.startswith(PREFIX) and not name.startswith("TEST_")
        if ours and name not in known:
            near = get_close_matches(name, known, n=1)
            guess = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            found.append(f"{variable} is no setting of this version{guess}")
    return found

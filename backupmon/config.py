"""Settings: read once from the environment or ``.env``, typed, and loud when wrong."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args
from urllib.parse import quote, urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from backupmon.core.cron import check_timezone
from backupmon.core.errors import BackupmonError, ScheduleError
from backupmon.core.job_fields import recipients, sender
from backupmon.core.job_spec import JobDefaults

T = TypeVar("T")

PREFIX = "BACKUPMON_"
PROJECT_ROOT = Path(__file__).resolve().parent.parent
ENV_FILE = ".env"
ROOTS = ("deposit_root", "validated_root", "quarantine_root", "report_archive_root")

#: Names with the prefix that are no settings of a server: for tests of crashes.
NOT_SETTINGS = frozenset({"FAILPOINTS"})

#: In bytes, of a socket's address, with some room for the name of a file beside it.
_LONGEST_SOCKET = 100
#: What spoils an address for readers that take it for words of the form NAME=VALUE.
_CONFUSING = re.compile(r"[\s=]")
#: A shorter key can be guessed.
SECRET_LENGTH = 16

_DATABASE = "sqlite:///FILE or postgresql://USER@HOST/NAME is wanted"


class SettingsError(BackupmonError):
    """A setting that cannot be used; the message names each with what is allowed."""


def _below_data_dir(folder: str) -> Callable[[dict[str, Any]], Path]:
    """Whatever has no setting of its own lies in DATA_DIR."""
    return lambda settings: settings["data_dir"] / folder


def _sqlite(settings: dict[str, Any]) -> str:
    path = str(settings["data_dir"] / "backupmon.db")
    # In a URL these two would not stand for themselves.
    return "sqlite:///" + path.replace("%", "%25").replace("?", "%3F")


class Settings(BaseSettings):
    """What can be set, with its default. Every name bears the prefix ``BACKUPMON_``.

    ``NAME_FILE`` reads the value of ``NAME`` from a file, for secrets.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        extra="ignore",
        env_ignore_empty=True,
        frozen=True,
        validate_default=True,
    )

    data_dir: Path = Field(
        PROJECT_ROOT / "instance", description="Folder for all that has no setting of its own."
    )
    database_url: str = Field(
        default_factory=_sqlite, description="SQLite in DATA_DIR unless set; or PostgreSQL."
    )
    redis_url: str | None = Field(
        None, description="The queue; an embedded Redis, started by flask up, unless set."
    )
    deposit_root: Path = Field(
        default_factory=_below_data_dir("deposits"), description="Where agents deliver."
    )
    validated_root: Path = Field(
        default_factory=_below_data_dir("validated"), description="The last good copy of each job."
    )
    quarantine_root: Path = Field(
        default_factory=_below_data_dir("quarantine"),
        description="Files judged bad, kept for a person.",
    )
    report_archive_root: Path = Field(
        default_factory=_below_data_dir("reports"), description="Every report, as it was read."
    )
    scanner_interval_minutes: int = Field(
        15, ge=1, le=1440, description="Minutes from one scan in the background to the next."
    )
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
    base_url: str | None = Field(
        None, description="Where people reach the pages, for links; https makes cookies Secure."
    )
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="How many reverse proxies in front set X-Forwarded-For."
    )
    secret_key: SecretStr | None = Field(
        None, description="Signs cookies; without it, the file secret_key in DATA_DIR does."
    )
    language: Literal["en", "fr"] = Field(
        "en", description="Language of pages and mails for those whose wish is not known."
    )
    mail_server: str | None = Field(
        None, description="Host that mail is handed to; without it, alerts wait."
    )
    mail_port: int = Field(25, ge=1, le=65_535, description="Its port.")
    mail_use_tls: bool = Field(False, description="Encrypt by STARTTLS, most often on port 587.")
    mail_use_ssl: bool = Field(False, description="Encrypt from the start, most often on port 465.")
    mail_username: str | None = Field(
        None, description="Name to log in with; without it, no log-in."
    )
    mail_password: SecretStr | None = Field(None, description="Password to log in with.")
    mail_default_sender: str | None = Field(
        None, description="Whom mails are from: an address, or Name <address>."
    )
    alert_recipients: str | None = Field(
        None, description="Addresses told of every job and of the server, comma-separated."
    )
    alert_digest: Literal["daily", "weekly", "off"] = Field(
        "daily", description="How often those are told how all stands who never chose it."
    )
    heartbeat_url: SecretStr | None = Field(
        None, description="Called after each good scan, so that another monitor can watch this one."
    )
    allow_private_addresses: bool = Field(
        False, description="Let HEARTBEAT_URL and channels lead to addresses of a private network."
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

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            known = False
        if not known or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("an address such as https://backups.example.org is wanted")
        return value.rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SECRET_LENGTH:
            raise ValueError(
                f"at least {SECRET_LENGTH} characters by chance are wanted, such as "
                "python -c 'import secrets; print(secrets.token_hex(32))' prints"
            )
        return value

    @field_validator("heartbeat_url")
    @classmethod
    def _callable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("an address such as https://hc.example.org/ping/… is wanted")
        return value

    @field_validator("alert_recipients")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        return None if value is None else _read_by(recipients, value)

    @field_validator("mail_default_sender")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        return None if value is None else _read_by(sender, value)

    @field_validator("mail_use_ssl")
    @classmethod
    def _one_encryption(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("mail_use_tls"):
            raise ValueError(f"either this or {PREFIX}MAIL_USE_TLS is wanted, not both")
        return value

    @field_validator("log_level", "log_format", "language", "alert_digest", mode="before")
    @classmethod
    def _any_case(cls, value: object, info: Any) -> object:
        if not isinstance(value, str):
            return value
        return value.upper() if info.field_name == "log_level" else value.lower()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        url = re.sub(r"\Apostgres(ql)?://", "postgresql+psycopg://", value)
        try:
            database = make_url(url).database
        except (ArgumentError, ValueError):
            raise ValueError(_DATABASE) from None
        if url.startswith("sqlite:///") and database in ("", ":memory:"):
            raise ValueError(f"a database in memory forgets all it was told; {_DATABASE}")
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError(_DATABASE)
        return url

    @field_validator("redis_url")
    @classmethod
    def _known_queue(cls, value: str | None) -> str | None:
        wanted = "redis://HOST:PORT/NUMBER, rediss://… or unix:///SOCKET is wanted"
        if value is not None:
            try:
                parts = urlsplit(value)
                named = parts.path if parts.scheme == "unix" else parts.hostname
                _ = parts.port
            except ValueError:
                raise ValueError(wanted) from None
            if parts.scheme not in ("redis", "rediss", "unix") or not named:
                raise ValueError(wanted)
        return value

    @field_validator("data_dir", *ROOTS, mode="before")
    @classmethod
    def _folder(cls, value: object) -> object:
        if not isinstance(value, str | Path):
            return value
        try:
            return Path(value).expanduser().resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise ValueError(f"a folder is wanted ({error})") from error

    @field_validator(*ROOTS[1:])
    @classmethod
    def _apart(cls, path: Path, info: ValidationInfo) -> Path:
        for name in ROOTS:
            other = info.data.get(name)
            if other is not None and (path.is_relative_to(other) or other.is_relative_to(path)):
                how = "contains" if other != path and other.is_relative_to(path) else "lies in"
                raise ValueError(
                    f"{path} {how} {PREFIX}{name.upper()} ({other}); each needs its own folder"
                )
        return path

    @property
    def redis_socket(self) -> Path:
        """The socket of the embedded Redis, in a folder that is ours alone.

        The kernel takes no address of more than 107 bytes, and a blank or "=" in it confuses
        those who read Redis's list of its clients, as every worker does at its start. Where
        the path of DATA_DIR is such, it lies in the folder for temporary files.
        """
        socket = self.data_dir / "redis" / "redis.sock"
        if len(os.fsencode(socket)) <= _LONGEST_SOCKET and not _CONFUSING.search(str(socket)):
            return socket
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"backupmon-{os.getuid()}-{name}" / "redis.sock"

    @property
    def queue_url(self) -> str:
        """The queue's address: REDIS_URL, or the embedded Redis's."""
        return self.redis_url or f"unix://{quote(str(self.redis_socket))}"

    @property
    def job_defaults(self) -> JobDefaults:
        """What a job gets where nothing is said."""
        return JobDefaults(
            self.default_timezone, self.default_grace_minutes, self.default_early_minutes
        )

    @property
    def is_https(self) -> bool:
        """Whether people reach the pages by https only."""
        return self.base_url is not None and self.base_url.lower().startswith("https:")

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


def _read_by(reader: Callable[[object], T], value: object) -> T:
    """What the reader of a job's field makes of a setting."""
    try:
        return reader(value)
    except BackupmonError as error:
        raise ValueError(f"it {error.message}; {error.hint}") from error


class _NamedFiles(PydanticBaseSettingsSource):
    """Reads ``BACKUPMON_NAME`` from the file that ``BACKUPMON_NAME_FILE`` names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = _environment().get(variable)
        return (_read(variable, path) if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        values = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def _environment() -> Mapping[str, str | None]:
    """The variables of the environment, and those of ``.env`` that it does not name."""
    # ``flask`` puts .env into the environment, other servers do not: both must see the same.
    return {**dotenv_values(ENV_FILE), **os.environ}


def _read(variable: str, path: str) -> str:
    hint = "point it at a readable text file, or unset it"
    try:
        value = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise SettingsError(
            f"{variable} names {path!r}, which cannot be read: {reason}", hint
        ) from error
    if not value:
        # A secret that is lost must not turn into a default.
        raise SettingsError(f"{variable} names {path!r}, which is empty", hint)
    return value


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
        # What follows from a wrong setting is not wrong itself.
        wrong = [item for item in error.errors() if item["type"] != "default_factory_not_called"]
        raise SettingsError(
            "the settings cannot be used:\n  " + "\n  ".join(_explain(item) for item in wrong),
            f"mend them in the environment or in {ENV_FILE}, then start again",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{Path(ENV_FILE).absolute()} cannot be read: {error}", "make it readable text in UTF-8"
        ) from error


def _explain(item: Any) -> str:
    name = str(item["loc"][0])
    secret = SecretStr in get_args(Settings.model_fields[name].annotation)
    value = "***" if secret else _shown(item["input"])
    return f"{PREFIX}{name.upper()}={value}: {_allowed(name, item)}"


def _shown(value: object) -> str:
    """The value, without the password that a database's address may bear."""
    if not isinstance(value, str | Path):
        return repr(value)
    return repr(hide_password(str(value)))


def hide_password(address: str) -> str:
    """A database's or queue's address without the password that it may bear."""
    hidden = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", address)
    return re.sub(r"(password=)[^&]*", r"\1***", hidden)


def _allowed(name: str, item: Any) -> str:
    bounds = {
        key: getattr(rule, key)
        for rule in Settings.model_fields[name].metadata
        for key in ("ge", "le")
        if hasattr(rule, key)
    }
    if bounds:
        return f"a whole number from {bounds['ge']} to {bounds['le']} is wanted"
    if item["type"] == "literal_error":
        return f"{item['ctx']['expected']} is wanted"
    if item["type"].startswith("bool_"):
        return "true or false is wanted"
    return str(item["msg"]).removeprefix("Value error, ")


def secret_files() -> list[Path]:
    """The files that settings are read from, which may hold passwords and keys."""
    named = [
        path
        for variable, path in _environment().items()
        if path and variable.startswith(PREFIX) and variable.endswith("_FILE")
    ]
    return [path for path in map(Path, [ENV_FILE, *named]) if path.is_file()]


def unknown_settings() -> list[str]:
    """A sentence for each variable with our prefix that is no setting: most are typos."""
    known = {name.upper() for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | NOT_SETTINGS
    found = []
    for variable in sorted(_environment()):
        name = variable.removeprefix(PREFIX)
        ours = variable.startswith(PREFIX) and not name.startswith("TEST_")
        if ours and name not in known:
            near = get_close_matches(name, sorted(known - NOT_SETTINGS), n=1, cutoff=0.75)
            guess = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            found.append(f"{variable} is no setting of this version{guess}")
    return found

"""Settings: typed, from several places, and loud about everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from backupmon.config import (
    PROJECT_ROOT,
    SettingsError,
    load_settings,
    unknown_settings,
)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DATA_DIR, named in the environment; the working folder is another, and empty."""
    folder = tmp_path / "data"
    monkeypatch.setenv("BACKUPMON_DATA_DIR", str(folder))
    return folder


def refused(**overrides: object) -> str:
    """The message that the settings are refused with."""
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    assert caught.value.hint
    return caught.value.message


# --- defaults --------------------------------------------------------------------------------


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings()
    assert settings.data_dir == PROJECT_ROOT / "instance"
    assert settings.settle_seconds == 60
    assert settings.default_timezone == "UTC"
    assert (settings.default_grace_minutes, settings.default_early_minutes) == (30, 30)
    assert (settings.log_level, settings.log_format) == ("INFO", "text")


def test_whatever_has_no_setting_of_its_own_lies_in_the_data_folder(data: Path) -> None:
    settings = load_settings()
    assert settings.roots() == {
        "DEPOSIT_ROOT": data / "deposits",
        "VALIDATED_ROOT": data / "validated",
        "QUARANTINE_ROOT": data / "quarantine",
        "REPORT_ARCHIVE_ROOT": data / "reports",
    }
    assert settings.database_url == f"sqlite:///{data}/backupmon.db"


def test_one_root_may_lie_elsewhere(data: Path, tmp_path: Path) -> None:
    settings = load_settings(validated_root=tmp_path / "disk")
    assert settings.validated_root == tmp_path / "disk"
    assert settings.deposit_root == data / "deposits"


def test_folders_are_made_absolute(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "link").symlink_to("target")
    settings = load_settings(
        deposit_root="in/../in/box", validated_root="~/good", quarantine_root="link/bad"
    )
    assert settings.deposit_root == tmp_path / "in/box"
    assert settings.validated_root == tmp_path / "home/good"
    assert settings.quarantine_root == tmp_path / "target/bad"


def test_settings_cannot_be_changed(data: Path) -> None:
    with pytest.raises(ValidationError):
        load_settings().settle_seconds = 1  # type: ignore[misc]


# --- where they come from --------------------------------------------------------------------


def test_the_environment_goes_before_a_file_and_that_before_dotenv(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text(
        "BACKUPMON_SETTLE_SECONDS=1\nBACKUPMON_DEFAULT_GRACE_MINUTES=1\n"
        "BACKUPMON_DEFAULT_EARLY_MINUTES=1\nUNRELATED=x\n"
    )
    (tmp_path / "two").write_text("2\n")
    for name in ("SETTLE_SECONDS", "DEFAULT_GRACE_MINUTES"):
        monkeypatch.setenv(f"BACKUPMON_{name}_FILE", str(tmp_path / "two"))
    monkeypatch.setenv("BACKUPMON_SETTLE_SECONDS", "3")
    settings = load_settings()
    assert settings.settle_seconds == 3
    assert settings.default_grace_minutes == 2
    assert settings.default_early_minutes == 1


def test_what_the_code_says_goes_before_all(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUPMON_SETTLE_SECONDS", "3")
    assert load_settings(settle_seconds=4).settle_seconds == 4


def test_an_empty_variable_is_not_set(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUPMON_SETTLE_SECONDS", "")
    monkeypatch.setenv("BACKUPMON_DEPOSIT_ROOT", "")
    assert load_settings().settle_seconds == 60
    assert load_settings().deposit_root == data / "deposits"


@pytest.mark.parametrize(
    "written", ["sqlite:////x/y.db", "\ufeffsqlite:////x/y.db\r\n", " sqlite:////x/y.db\n"]
)
def test_a_secret_is_read_from_the_file_that_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    (tmp_path / "secret").write_text(written, encoding="utf-8")
    monkeypatch.setenv("BACKUPMON_DATABASE_URL_FILE", str(tmp_path / "secret"))
    assert load_settings().database_url == "sqlite:////x/y.db"


def test_dotenv_may_name_a_file_too(data: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sqlite:////x/y.db")
    Path(".env").write_text(f"BACKUPMON_DATABASE_URL_FILE={tmp_path / 'secret'}\n")
    assert load_settings().database_url == "sqlite:////x/y.db"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="absent"),
        pytest.param(b"\xff\xfe", "cannot be read: 'utf-8'", id="binary"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n", "is empty", id="blank"),
    ],
)
def test_a_secret_that_is_lost_never_becomes_a_default(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
    reason: str,
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("BACKUPMON_DATABASE_URL_FILE", str(tmp_path / "secret"))
    message = refused()
    assert message.startswith(f"BACKUPMON_DATABASE_URL_FILE names '{tmp_path}/secret', which ")
    assert reason in message


def test_a_dotenv_that_is_no_text_is_named(data: Path, tmp_path: Path) -> None:
    Path(".env").write_bytes(b"BACKUPMON_LOG_LEVEL=\xff\n")
    assert f"{tmp_path}/.env cannot be read" in refused()


# --- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("SETTLE_SECONDS", "soon", "a whole number from 0 to 86400 is wanted"),
        ("SETTLE_SECONDS", "-1", "a whole number from 0 to 86400 is wanted"),
        ("SETTLE_SECONDS", "86401", "a whole number from 0 to 86400 is wanted"),
        ("SETTLE_SECONDS", "1.5", "a whole number from 0 to 86400 is wanted"),
        ("DEFAULT_GRACE_MINUTES", "-1", "a whole number from 0 to 525600 is wanted"),
        ("DEFAULT_EARLY_MINUTES", "525601", "a whole number from 0 to 525600 is wanted"),
        ("DEFAULT_TIMEZONE", "Europe/Pari", "an IANA time zone is wanted; did you mean Europe/Par"),
        ("DEFAULT_TIMEZONE", "../../etc/passwd", "an IANA time zone is wanted; give an IANA name"),
        ("LANGUAGE", "de", "'en' or 'fr' is wanted"),
        ("TRUSTED_PROXIES", "11", "a whole number from 0 to 10 is wanted"),
        ("BASE_URL", "backups.example.org", "an address such as https://backups.example.org is"),
        ("BASE_URL", "ftp://example.org", "an address such as https://backups.example.org is"),
        ("BASE_URL", "https://", "an address such as https://backups.example.org is wanted"),
        ("BASE_URL", "https://[::1", "an address such as https://backups.example.org is wanted"),
        ("BASE_URL", "https://a.example:x/", "an address such as https://backups.example.org is"),
        ("BASE_URL", "https://a.example/?q=1", "an address such as https://backups.example.org"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR' is wanted"),
        ("LOG_FORMAT", "xml", "'text' or 'json' is wanted"),
        ("DATABASE_URL", "mysql://localhost/x", "sqlite:///FILE or postgresql://USER@HOST/NAME"),
        ("DATABASE_URL", "backupmon.db", "sqlite:///FILE or postgresql://USER@HOST/NAME"),
        ("DATABASE_URL", "postgresql://host:port/x", "sqlite:///FILE or postgresql://USER@HOST"),
        ("DATABASE_URL", "sqlite://", "sqlite:///FILE or postgresql://USER@HOST/NAME"),
        ("DATABASE_URL", "sqlite:///", "a database in memory forgets all"),
        ("DATABASE_URL", "sqlite:///:memory:", "a database in memory forgets all"),
        ("DEPOSIT_ROOT", "~nobody-by-that-name/x", "a folder is wanted"),
        ("DATA_DIR", "~nobody-by-that-name", "a folder is wanted"),
        ("MAIL_PORT", "70000", "a whole number from 1 to 65535 is wanted"),
        ("MAIL_USE_TLS", "perhaps", "true or false is wanted"),
        ("MAIL_DEFAULT_SENDER", "Backups <>", 'it is no mail address: "Backups <>"; such as'),
        ("MAIL_DEFAULT_SENDER", "a@x.org, b@x.org", 'it is no mail address: "a@x.org, b@x.org"'),
        ("ALERT_RECIPIENTS", "a@x.org, bob", 'it has what is no mail address: "bob"; separate'),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"BACKUPMON_{name}", value)
    lines = refused().splitlines()
    assert len(lines) == 2
    assert lines[1].lstrip().startswith(f"BACKUPMON_{name}='{value}': {allowed}")


def test_a_wrong_secret_is_named_without_its_value(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUPMON_HEARTBEAT_URL", "ftp://hc.example.org/secret")
    message = refused()
    assert "BACKUPMON_HEARTBEAT_URL=***: an address such as" in message
    assert "secret" not in message


def test_two_ways_to_encrypt_mail_are_one_too_many(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAIL_USE_TLS", "MAIL_USE_SSL"):
        monkeypatch.setenv(f"BACKUPMON_{name}", "true")
    assert "either this or BACKUPMON_MAIL_USE_TLS is wanted, not both" in refused()


def test_mail_settings_are_kept_as_they_are_used(data: Path) -> None:
    settings = load_settings(
        alert_recipients="ann@x.org,,Ann@X.org, bob@x.org",
        mail_default_sender=" Backups <b@x.org> ",
        base_url="https://backups.example.org/",
        heartbeat_url="https://hc.example.org/ping/hush",
        mail_password="hush",
    )
    assert settings.alert_recipients == "ann@x.org, bob@x.org"
    assert settings.mail_default_sender == "Backups <b@x.org>"
    assert settings.base_url == "https://backups.example.org"
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("value", "kept"),
    [("debug", "DEBUG"), ("Warning", "WARNING"), ("ERROR", "ERROR")],
)
def test_a_level_may_be_written_in_any_case(data: Path, value: str, kept: str) -> None:
    assert load_settings(log_level=value, log_format="JSON").log_level == kept


@pytest.mark.parametrize("seconds", ["0", "86400"])
def test_the_bounds_themselves_are_allowed(data: Path, seconds: str) -> None:
    assert load_settings(settle_seconds=seconds).settle_seconds == int(seconds)


def test_all_wrong_settings_are_named_at_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "DATABASE_URL": "oracle://x",
        "SETTLE_SECONDS": "soon",
        "DEFAULT_TIMEZONE": "Mars/Base",
        "LOG_LEVEL": "LOUD",
        "VALIDATED_ROOT": str(data / "deposits"),
    }
    for name, value in wrong.items():
        monkeypatch.setenv(f"BACKUPMON_{name}", value)
    monkeypatch.setenv("BACKUPMON_DEPOSIT_ROOT", str(data / "deposits"))
    lines = refused().splitlines()[1:]
    assert {line.strip().partition("=")[0] for line in lines} == {
        f"BACKUPMON_{name}" for name in wrong
    }
    assert len(lines) == len(wrong)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:s3cret@host/x",
        "mysql://ann:s3@cr/s3cret@host/x",
        "mysql://host/x?user=ann&password=s3cret",
    ],
)
def test_a_password_is_not_told_in_an_error(data: Path, url: str) -> None:
    message = refused(database_url=url)
    assert "BACKUPMON_DATABASE_URL='mysql://" in message
    assert "s3" not in message


def test_a_key_that_can_be_guessed_is_refused_and_not_told(data: Path) -> None:
    message = refused(secret_key="hunter2")
    assert "BACKUPMON_SECRET_KEY=***: at least 16 characters by chance are wanted" in message
    assert "hunter2" not in message


def test_a_key_is_not_shown_with_the_settings(data: Path) -> None:
    settings = load_settings(secret_key="0123456789abcdef")
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "kept", "https"),
    [
        ("https://backups.example.org/", "https://backups.example.org", True),
        ("HTTPS://backups.example.org", "HTTPS://backups.example.org", True),
        ("http://10.0.0.7:8000", "http://10.0.0.7:8000", False),
        ("https://example.org/backups/", "https://example.org/backups", True),
        ("http://[::1]:8000", "http://[::1]:8000", False),
    ],
)
def test_the_address_of_the_pages(data: Path, given: str, kept: str, https: bool) -> None:
    settings = load_settings(base_url=given)
    assert (settings.base_url, settings.is_https) == (kept, https)


# --- roots -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        pytest.param(
            {"validated_root": "x/deposits/good", "deposit_root": "x/deposits"},
            [("VALIDATED_ROOT", "lies in BACKUPMON_DEPOSIT_ROOT")],
            id="a later one in an earlier one",
        ),
        pytest.param(
            {"validated_root": "x", "deposit_root": "x/deposits"},
            [("VALIDATED_ROOT", "contains BACKUPMON_DEPOSIT_ROOT")],
            id="an earlier one in a later one",
        ),
        pytest.param(
            {"validated_root": "x", "quarantine_root": "x/../x"},
            [("QUARANTINE_ROOT", "lies in BACKUPMON_VALIDATED_ROOT")],
            id="one folder for two",
        ),
        pytest.param(
            {"report_archive_root": "x", "quarantine_root": "link/bad"},
            [("REPORT_ARCHIVE_ROOT", "contains BACKUPMON_QUARANTINE_ROOT")],
            id="through a link",
        ),
        pytest.param(
            {
                "deposit_root": "x",
                "validated_root": "x/a",
                "quarantine_root": "x/b",
                "report_archive_root": "y",
            },
            [
                ("VALIDATED_ROOT", "lies in BACKUPMON_DEPOSIT_ROOT"),
                ("QUARANTINE_ROOT", "lies in BACKUPMON_DEPOSIT_ROOT"),
            ],
            id="two in one",
        ),
    ],
)
def test_roots_inside_each_other_are_refused(
    data: Path, tmp_path: Path, overrides: dict[str, str], named: list[tuple[str, str]]
) -> None:
    (tmp_path / "link").symlink_to("x")
    lines = refused(**overrides).splitlines()[1:]
    assert len(lines) == len(named)
    for line, (name, how) in zip(lines, named, strict=True):
        value = overrides[name.lower()]
        assert line.strip().startswith(f"BACKUPMON_{name}='{value}': {tmp_path}/x")
        assert how in line
        assert "each needs its own folder" in line


def test_a_default_that_falls_into_another_root_is_refused(data: Path) -> None:
    message = refused(deposit_root=data)
    where = f"{data}/validated"
    assert f"BACKUPMON_VALIDATED_ROOT='{where}': {where} lies in BACKUPMON_DEPOSIT_ROOT" in message


def test_a_name_that_only_begins_like_another_is_another(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, deposit_root="box", validated_root="box-good")
    assert settings.validated_root == tmp_path / "box-good"


# --- the database ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgres://ann@host/x", "postgresql+psycopg://ann@host/x"),
        ("postgresql://ann:a@b@host:5433/x", "postgresql+psycopg://ann:a@b@host:5433/x"),
        ("postgresql+psycopg://host/x", "postgresql+psycopg://host/x"),
        ("postgresql:///x?host=/run/pg", "postgresql+psycopg:///x?host=/run/pg"),
        ("sqlite:///relative.db", "sqlite:///relative.db"),
        ("sqlite:////absolute.db", "sqlite:////absolute.db"),
    ],
)
def test_a_database_is_reached_by_the_driver_that_is_installed(
    data: Path, given: str, kept: str
) -> None:
    assert load_settings(database_url=given).database_url == kept


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    from sqlalchemy import make_url

    folder = tmp_path / "100%20 & more? #1"
    assert make_url(load_settings(data_dir=folder).database_url).database == str(
        folder / "backupmon.db"
    )


# --- typos -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "guess"),
    [
        ("BACKUPMON_DEPOSIT_ROT", "; did you mean BACKUPMON_DEPOSIT_ROOT?"),
        ("BACKUPMON_SETTLE_SECOND", "; did you mean BACKUPMON_SETTLE_SECONDS?"),
        ("BACKUPMON_DATABASE_URL_FIL", "; did you mean BACKUPMON_DATABASE_URL_FILE?"),
        ("BACKUPMON_FAILPOINT", ""),
        ("BACKUPMON_XYZ", ""),
        ("BACKUPMON_", ""),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_an_unknown_setting_is_told_with_a_guess(
    monkeypatch: pytest.MonkeyPatch, variable: str, guess: str, place: str
) -> None:
    if place == ".env":
        Path(".env").write_text(f"{variable}=1\n")
    else:
        monkeypatch.setenv(variable, "1")
    assert unknown_settings() == [f"{variable} is no setting of this version{guess}"]


def test_what_is_known_or_not_ours_is_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA_DIR", "DATA_DIR_FILE", "LOG_LEVEL", "FAILPOINTS"):
        monkeypatch.setenv(f"BACKUPMON_{name}", "x")
    monkeypatch.setenv("OTHER_DEPOSIT_ROT", "x")
    assert unknown_settings() == []


# --- the queue -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["redis://localhost:6379/2", "rediss://:word@host", "unix:///run/redis.sock?db=1"],
)
def test_addresses_of_a_queue(data: Path, url: str) -> None:
    assert load_settings(redis_url=url).queue_url == url


@pytest.mark.parametrize(
    "url", ["localhost:6379", "http://host", "redis://", "unix:", "redis://host:port"]
)
def test_what_is_no_address_of_a_queue_is_refused(data: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="redis://HOST:PORT/NUMBER"):
        load_settings(redis_url=url)


def test_a_queues_password_is_not_shown(data: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(redis_url="redis://:secret@host:port")
    assert "secret" not in str(refused.value)


def test_without_an_address_the_queue_is_a_socket_in_the_data_folder(
    data: Path, tmp_path: Path
) -> None:
    strange = load_settings(data_dir="/srv/a-b%20#?")
    assert strange.redis_socket == Path("/srv/a-b%20#?/redis/redis.sock")
    assert strange.queue_url == "unix:///srv/a-b%2520%23%3F/redis/redis.sock"

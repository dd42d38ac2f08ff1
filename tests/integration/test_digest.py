"""Digests by mail: once per person and period, true, short, and honest about what nobody saw."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from backupmon.config import Settings
from backupmon.core.digest_policy import Rhythm
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import (
    Alert,
    AlertRecipient,
    BackupEntry,
    ExpectedBackupJob,
    ScanRun,
    StoredBackup,
)
from backupmon.services.alert_recipients import Wishes, set_digest, set_language
from backupmon.services.audit import list_acts
from backupmon.services.delivery import deliver_alerts
from backupmon.services.digest.due import enter_digests
from backupmon.services.digest.mail import compose_digest
from backupmon.services.jobs import pause_job
from backupmon.tasks import deliver
from tests.integration.conftest import NOON, World, at
from tests.integration.mailbox import Mailbox, free_port, text_of
from tests.integration.pages import queries
from tests.integration.scan_process import start_scan
from tests.integration.test_delivery import OPS, messages, with_mail

ANN = "ann@x.org"
DAILY = Wishes(rhythm=Rhythm.DAILY)


@pytest.fixture
def settings(sqlite_settings: Settings, mailbox: Mailbox) -> Settings:
    return with_mail(sqlite_settings, mailbox.port).model_copy(update={"alert_digest": "daily"})


@pytest.fixture
def lived(world: World, mailbox: Mailbox) -> World:
    """A server on which somebody has looked every quarter of an hour since three days."""
    looked(at(5, days=-3), at(0, days=30))
    # The digest of this morning is out: from here on, days begin at 7.
    world.scan(at(7, 5))
    mailbox.take()
    return world


def looked(since: datetime, until: datetime) -> None:
    """Scans of a quarter of an hour, without all that they take."""
    common = {"agent": None, "host": "x", "pid": 1, "state": "done", "counts": {}}
    count = int((until - since) / timedelta(minutes=15))
    moments = [since + n * timedelta(minutes=15) for n in range(count)]
    rows = [{"started_at": m, "moment": m, "finished_at": m, **common} for m in moments]
    db.session.execute(insert(ScanRun), rows)
    db.session.commit()


def said_in(mail: EmailMessage, kind: str = "plain") -> str:
    """As a person reads it."""
    return text_of(mail, kind).replace("\r\n", "\n").replace("\xa0", " ")


def digests(mailbox: Mailbox) -> list[EmailMessage]:
    """Those that arrived since the last look; other mails are passed over."""
    return [mail for mail in mailbox.take() if str(mail["Message-ID"]).startswith("<digest-")]


def digest(mailbox: Mailbox) -> EmailMessage:
    (mail,) = digests(mailbox)
    return mail


def test_a_digest_arrives_each_morning_and_its_subject_says_it_all(
    lived: World, mailbox: Mailbox
) -> None:
    for name in ("shop", "crm", "stock"):
        lived.job(name)
    site = lived.site()
    site.deliver(NOON, shop="a", crm="b", stock="c")
    for hour in (13, 18, 24, 30):
        lived.scan(at(0) + timedelta(hours=hour))
    assert digests(mailbox) == []
    lived.scan(at(7, 1, days=1))
    mail = digest(mailbox)
    assert (mail["Subject"], mail["To"]) == ("backups: all 3 are good", OPS)
    said = said_in(mail)
    assert said.startswith("all 3 are good\n")
    assert "From 3 Mar 2031, 07:05 to 4 Mar 2031, 07:01." in said
    assert "In this time: 3 good (" in said
    assert "Kept: 3 last good copies, " in said
    assert "Last scan: 4 Mar 2031, 07:01; " in said
    assert "Room for deposits, good copies, quarantine, reports: " in said
    assert "Nobody looked" not in said

    site.deliver(at(12, days=1), shop="d", crm="e")
    for hour in (12, 13, 20):
        lived.scan(at(hour, 31, days=1))
    assert digests(mailbox) == []
    lived.scan(at(7, days=2))
    mail = digest(mailbox)
    assert mail["Subject"] == "backups: 1 of 3 needs you"
    said = said_in(mail)
    assert "1 missing, 2 good\n" in said
    assert "* stock (acme, Acme, Douala)\n  Missing, due 4 Mar 2031, 12:00\n" in said
    assert "last good copy: 3 Mar 2031, 12:00 (" in said
    assert "https://backups.x.org/jobs/3" in said
    assert "In this time: 1 missing, 2 good (" in said
    assert "stock" in said_in(mail, "html")


def test_nobody_gets_a_digest_unasked_but_those_who_are_told_of_everything(
    lived: World, mailbox: Mailbox
) -> None:
    lived.job(notification_recipients=f"Ann@x.org, bob@x.org, {OPS}")
    lived.job("other", notification_recipients="joann@x.org")
    lived.scan(at(7, days=1))
    assert digest(mailbox)["To"] == OPS
    set_digest(ANN, DAILY, "test", at(8, days=1))
    set_digest(OPS, Wishes(rhythm=Rhythm.NONE), "test", at(8, days=1))
    lived.scan(at(7, days=2))
    mail = digest(mailbox)
    assert mail["To"] == ANN
    # Only the job that concerns her, and nothing of the server.
    assert mail["Subject"] == "backups: 1 of 1 needs you"
    assert "other" not in said_in(mail)
    assert "Room for" not in said_in(mail)
    off = lived.with_settings(alert_digest="off")
    set_digest(OPS, Wishes(), "test", at(8, days=2))
    off.scan(at(7, days=3))
    assert digest(mailbox)["To"] == ANN


def test_a_digest_is_weekly_at_an_hour_of_ones_own_by_ones_own_clock_and_in_ones_language(
    lived: World, mailbox: Mailbox
) -> None:
    lived.job()
    lived.site().deliver(NOON, shop="a")
    lived.scan(at(12, 5))
    wishes = Wishes(None, Rhythm.WEEKLY, 9 * 60 + 30, "Africa/Douala")
    set_digest(OPS, wishes, "test", at(13))
    set_language(OPS, "fr", "test", at(13))
    for day in range(1, 7):
        lived.scan(at(23, 0, days=day))
    assert digests(mailbox) == []
    lived.scan(at(8, 29, days=7))
    assert digests(mailbox) == []
    lived.scan(at(8, 30, days=7))
    mail = digest(mailbox)
    assert mail["Subject"] == "sauvegardes : 1 sur 1 demande votre attention"
    said = said_in(mail)
    assert "le lundi à 09:30 (Africa/Douala)" in said
    assert "au 10 mars 2031, 09:30." in said


def test_nothing_comes_twice_however_many_scan_at_once(world: World, mailbox: Mailbox) -> None:
    for number in range(4):
        set_digest(f"p{number}@x.org", DAILY, "test", at(8))
        world.job(f"db{number}", agent=f"a{number}", notification_recipients=f"p{number}@x.org")
    world.scan(at(8))
    mailbox.take()
    both = [
        start_scan(world.settings, ["--as-of", at(7, 1, days=1).isoformat(), "--agent", agent])
        for agent in ("a0", "a1")
    ]
    for process in both:
        process.join(60)
    deliver_alerts(world.settings, at(7, 2, days=1))
    found = sorted(str(mail["To"]) for mail in digests(mailbox))
    assert found == [OPS, *(f"p{number}@x.org" for number in range(4))]
    # Nor does a clock that was set back, or somebody who forgets all about it, bring it again.
    db.session.execute(update(AlertRecipient).values(digest_raised_at=at(8)))
    db.session.commit()
    assert enter_digests(world.settings, at(7, 3, days=1)) == 5
    deliver_alerts(world.settings, at(7, 3, days=1))
    assert digests(mailbox) == []


def test_after_an_outage_of_the_server_one_digest_tells_of_all_and_of_the_gap(
    world: World, mailbox: Mailbox
) -> None:
    looked(at(5, days=-3), at(19))
    world.scan(at(7, 5))
    job = world.job()
    mailbox.take()
    world.scan(at(9, 0, days=10))
    mail = digest(mailbox)
    assert mail["Subject"] == "backups: 1 of 1 needs you; nobody looked for 9 d 14 h"
    said = said_in(mail)
    assert "From 3 Mar 2031, 07:05 to 13 Mar 2031, 09:00." in said
    assert "! Nobody looked for 9 d 14 h: from 3 Mar 2031, 18:45 to 13 Mar 2031, 09:00." in said
    assert "In this time: 10 missing." in said
    assert len(world.statuses(job)) == 10
    world.scan(at(9, 15, days=10))
    assert digests(mailbox) == []
    world.scan(at(7, 0, days=11))
    assert "From 13 Mar 2031, 09:00" in said_in(digest(mailbox))


def test_a_mail_server_that_was_away_for_days_gets_the_newest_digest_only(
    lived: World, mailbox: Mailbox
) -> None:
    lived.job()
    dead = World(lived.app, with_mail(lived.settings, free_port()))
    for day in range(1, 4):
        dead.scan(at(7, 1, days=day))
    assert digests(mailbox) == []
    lived.scan(at(10, days=3))
    mail = digest(mailbox)
    assert "From 3 Mar 2031, 07:05 to 6 Mar 2031, 10:00." in said_in(mail)
    states = db.session.scalars(select(Alert.state).where(Alert.kind == "digest"))
    # The first is that of the morning before.
    assert sorted(states) == ["sent", "sent", "withdrawn", "withdrawn"]
    lived.scan(at(7, 1, days=4))
    assert "From 6 Mar 2031, 10:00" in said_in(digest(mailbox))


def test_without_a_mail_server_digests_wait_and_there_is_only_one(world: World) -> None:
    quiet = world.with_settings(mail_server=None)
    for day in range(4):
        quiet.scan(at(8, days=day))
    states = list(db.session.scalars(select(Alert.state).where(Alert.kind == "digest")))
    assert states.count("waiting") == 1
    assert len(messages()) == 1


def test_sizes_that_leap_are_told_with_what_is_usual(lived: World, mailbox: Mailbox) -> None:
    job, steady = lived.job(), lived.job("crm")
    for number, size in ((job, 5_000_000_000), (steady, 1_000_000)):
        _history(number, [1_000_000 + n * 1000 for n in range(10)], size)
    lived.scan(at(7, days=1))
    said = said_in(digest(mailbox))
    assert "1 of an odd size" in said
    assert "grew to 5.0 GB; 904.0 kB – 1.1 MB is usual" in said


def _history(job: int, sizes: list[int], last: int) -> None:
    for age, size in enumerate([last, *reversed(sizes)]):
        due = NOON - timedelta(days=age)
        db.session.add(
            BackupEntry(
                expected_job_id=job,
                cycle_due_at=due,
                cycle_deadline_at=due + timedelta(minutes=30),
                status=Status.SUCCESS.value,
                server_calculated_staged_size=size,
                timestamp=due,
                created_at=due,
            )
        )
    db.session.commit()


def test_what_is_not_well_though_no_status_says_so_is_told(lived: World, mailbox: Mailbox) -> None:
    lived.site().deliver(NOON, shop="a", crm="b", unknown="c")
    job, paused = lived.job(), lived.job("crm")
    lived.scan(at(12, 5))
    pause_job(paused, None, at(13), "test")
    # Whatever took it away.
    db.session.execute(
        update(StoredBackup).where(StoredBackup.expected_job_id == job).values(state="lost")
    )
    db.session.commit()
    lived.scan(at(7, days=1))
    mail = digest(mailbox)
    assert mail["Subject"] == "backups: 1 of 1 lacks its newest copy"
    said = said_in(mail)
    assert "1 good, 1 paused\n" in said
    assert "1 without the copy that there should be" in said
    assert "* shop (acme)\n  no good copy at all\n" in said
    assert "1 database that no job expects" in said
    assert "* unknown (acme)\n" in said


def test_a_good_backup_that_could_not_be_put_in_its_place_is_told(
    lived: World, mailbox: Mailbox
) -> None:
    first, second = lived.job("one", city="A"), lived.job("two", city="B")
    site = lived.site()
    for day in (0, 1):
        if day:
            db.session.get_one(
                ExpectedBackupJob, second
            ).final_storage_path_template = db.session.get_one(StoredBackup, 1).path
            db.session.commit()
        site.deliver(at(11, 50, days=day), one=f"a{day}", two=f"b{day}")
        lived.scan(at(12, days=day))
    assert lived.statuses(first) == lived.statuses(second) == ["SUCCESS", "SUCCESS"]
    assert [row.state for row in lived.stored(second)] == ["stored", "quarantined"]
    lived.scan(at(12, 15, days=1))
    digests(mailbox)
    lived.scan(at(7, days=2))
    mail = digest(mailbox)
    assert mail["Subject"].startswith("backups: 1 of 2 lacks its newest copy")
    assert "the server has trouble" in mail["Subject"]
    assert "* two (acme)\n  last good copy: 3 Mar 2031, 11:50" in said_in(mail)


def test_what_waits_for_its_verdict_for_days_is_not_called_good(
    lived: World, mailbox: Mailbox
) -> None:
    """A root that is not mounted: nothing is judged, nothing is overdue, no status changes."""
    job = lived.job(notification_recipients=ANN)
    lived.job("crm")
    set_digest(ANN, DAILY, "test", at(8))
    set_language(OPS, "fr", "test", at(8))
    site = lived.site()
    site.deliver(at(11, 50), shop="a", crm="b")
    lived.scan(at(12))
    (lived.settings.validated_root / ".backupmon").unlink()
    site.deliver(at(11, 50, days=1), shop="c", crm="d")
    for day in (1, 2, 3):
        lived.scan(at(13, days=day))
        lived.scan(at(7, days=day + 1))
        found = {str(mail["To"]): mail for mail in digests(mailbox)}
        subject = found[ANN]["Subject"]
        assert subject.startswith("backups: 1 of 1 lacks its newest copy"), (day, subject)
        assert "last good copy: 3 Mar 2031, 11:50" in said_in(found[ANN])
        subject = found[OPS]["Subject"]
        assert subject.startswith("sauvegardes : 2 sur 2 n’ont pas leur dernière copie")
        assert "le serveur a un souci" in subject
    # Told in the reader's language, with what to do.
    said = said_in(found[OPS])
    assert "bears no mark" not in said
    assert "À faire : " in said
    assert lived.statuses(job) == ["SUCCESS", "PENDING"]
    # What is worse does not hide it.
    lived.job("gone", agent="dead")
    set_language(OPS, "en", "test", at(8))
    lived.scan(at(7, days=5))
    found = {str(mail["To"]): mail for mail in digests(mailbox)}
    wanted = "backups: 1 of 3 needs you, 2 more lack their newest copy"
    assert found[OPS]["Subject"].startswith(wanted)


def test_what_went_wrong_and_is_well_again_is_counted(lived: World, mailbox: Mailbox) -> None:
    lived.job("shop", schedule="0 12 * * *")
    lived.job("crm", schedule="0 9,12 * * *")
    lived.scan(at(9, 31))
    lived.site().deliver(at(11, 55), shop="a", crm="b")
    lived.scan(at(12, 1))
    lived.scan(at(7, days=1))
    mail = digest(mailbox)
    assert mail["Subject"] == "backups: all 2 are good"
    said = said_in(mail)
    assert "In this time: 1 missing, 2 good (" in said
    assert "1 well now, but not all the time" in said
    assert "* crm (acme)\n  1 of 2 backups went wrong\n" in said


def test_what_nobody_has_judged_is_not_called_good(lived: World, mailbox: Mailbox) -> None:
    lived.site().deliver(NOON, shop="a")
    lived.job()
    lived.scan(at(12, 5))
    lived.job("new", created=at(13))
    lived.scan(at(7, days=1))
    assert digest(mailbox)["Subject"] == "backups: 1 of 2 good, 1 not judged"


def test_trouble_of_the_server_is_told_to_those_who_are_told_of_it(
    lived: World, mailbox: Mailbox
) -> None:
    lived.job(notification_recipients=ANN)
    set_digest(ANN, DAILY, "test", at(8))
    (lived.settings.deposit_root / ".backupmon").unlink()
    lived.scan(at(7, days=1))
    found = {str(mail["To"]): mail for mail in digests(mailbox)}
    assert found[OPS]["Subject"].endswith("; the server has trouble")
    assert "bears no mark" in said_in(found[OPS])
    assert "bears no mark" not in said_in(found[ANN])


def test_names_of_enemies_change_neither_headers_nor_html(lived: World, mailbox: Mailbox) -> None:
    lived.job("<script>alert(1)</script>", company_name="Acme <b>")
    row = db.session.scalars(select(ExpectedBackupJob)).one()
    row.city = "x\r\nBcc: eve@x.org\u202e"
    db.session.commit()
    lived.site().deliver(NOON, **{"\x1b[31m<u>": "x"})
    lived.scan(at(12, 31))
    lived.scan(at(7, days=1))
    mail = digest(mailbox)
    assert mail["Bcc"] is None
    assert "no job expects" in said_in(mail)
    html = said_in(mail, "html")
    assert "&lt;script&gt;" in html
    assert not any(bad in html for bad in ("<script>", "<b>", "<u>"))
    assert "\x1b" not in said_in(mail)
    assert "\u202e" not in said_in(mail)


def _many(count: int) -> None:
    """So many jobs, with troubles of all kinds among them."""
    columns = {
        "company_name": "Acme", "city": "Douala", "schedule": "0 12 * * *", "timezone": "UTC",
        "grace_minutes": 30, "early_minutes": 30, "content_policy": "must_change",
        "agent_deposit_path_template": "", "agent_log_deposit_path_template": "",
        "final_storage_path_template": "", "promotion_mode": "move", "is_active": True,
        "version": 1, "created_at": at(1), "updated_at": at(1), "final_path_key": "",
        "expected_due_at": at(12, days=1), "deadline_at": at(12, 30, days=1),
    }  # fmt: skip
    kinds = ("MISSING", "FAILED", "SUCCESS", "SUCCESS", "UNKNOWN")
    jobs: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for number in range(count):
        status = kinds[number % len(kinds)]
        name = f"db{number}"
        jobs.append(
            {"id": number + 1, "database_name": name, "agent_id_responsible": f"a{number % 50}",
             "agent_key": f"a{number % 50}", "search_key": name, "current_status": status,
             **columns}
        )  # fmt: skip
        for age in range(8):
            due = NOON - timedelta(days=age)
            entries.append(
                {"expected_job_id": number + 1, "cycle_due_at": due, "timestamp": due,
                 "cycle_deadline_at": due + timedelta(minutes=30), "created_at": due,
                 "status": status if status != "UNKNOWN" else "FAILED",
                 "server_calculated_staged_size": 10**9 if age == 0 else 10**6}
            )  # fmt: skip
    db.session.execute(insert(ExpectedBackupJob), jobs)
    db.session.execute(insert(BackupEntry), entries)
    db.session.commit()


def test_hundreds_of_jobs_make_a_short_mail_of_few_queries(lived: World, mailbox: Mailbox) -> None:
    asked = []
    for count in (20, 600):
        db.session.execute(BackupEntry.__table__.delete())
        db.session.execute(ExpectedBackupJob.__table__.delete())
        _many(count)
        deliver_alerts(lived.settings, at(7, days=1 if count == 20 else 2))
        mail = digest(mailbox)
        assert len(said_in(mail).splitlines()) < 110
        with queries() as sent:
            compose_digest(lived.settings, messages()[-1], at(8, days=2))
        asked.append(len(sent))
    assert asked[0] == asked[1] <= 24
    assert mail["Subject"].startswith("backups: 240 of 600 need you, 360 more lack")
    assert "and 230 more: https://backups.x.org/?status=NEEDS_YOU" in said_in(mail)


def test_where_no_digest_is_due_one_look_at_a_small_table_is_all_it_costs(lived: World) -> None:
    with queries() as sent:
        assert enter_digests(lived.settings, at(7, 20)) == 0
    assert len(sent) == 1


def test_the_command_says_what_somebody_gets_from_now_on(world: World) -> None:
    def run(*args: str) -> tuple[int, str]:
        result = world.app.test_cli_runner().invoke(args=["alerts", "digest", *args])
        return result.exit_code, result.output

    assert run(ANN, "daily") == (0, f"{ANN} gets a digest every day at 07:00 (UTC).\n")
    code, told = run(ANN, "weekly", "--at", "18:30", "--timezone", "Europe/Paris")
    assert told == f"{ANN} gets a digest on Mondays at 18:30 (Europe/Paris).\n"
    assert run(ANN, "daily")[1] == f"{ANN} gets a digest every day at 18:30 (Europe/Paris).\n"
    assert run(ANN, "off") == (0, f"{ANN} gets no digest.\n")
    for wrong in (
        (ANN, "daily", "--at", "25:00"),
        (ANN, "daily", "--at", "7"),
        (ANN, "daily", "--timezone", "Mars/Base"),
        ("ann", "daily"),
    ):
        code, told = run(*wrong)
        assert code == 1
        assert "hint: " in told
    actions = [act.action for act in list_acts()[0]]
    assert actions == ["alerts.digest"] * 4


def test_the_queue_sends_it_as_a_scan_does(lived: World, mailbox: Mailbox) -> None:
    deliver(at(7, days=1).isoformat())
    assert digest(mailbox)["To"] == OPS
    deliver(at(7, 15, days=1).isoformat())
    assert digests(mailbox) == []


def test_a_trial_of_the_future_neither_hushes_nor_doubles_what_is_to_come(
    lived: World, mailbox: Mailbox
) -> None:
    lived.scan(at(8, days=20))
    assert len(digests(mailbox)) == 1
    for day in range(1, 4):
        lived.scan(at(8, days=day))
    assert len(digests(mailbox)) == 3
    # That day gets its own when it comes, of its own time; and only once.
    lived.scan(at(7, days=19))
    mailbox.take()
    lived.scan(at(9, days=20))
    assert "From 22 Mar 2031, 07:00 to 23 Mar 2031, 09:00." in said_in(digest(mailbox))
    lived.scan(at(9, 15, days=20))
    assert digests(mailbox) == []


def test_what_a_trial_of_the_future_has_not_sent_is_taken_back(
    lived: World, mailbox: Mailbox
) -> None:
    quiet = lived.with_settings(mail_server=None)
    quiet.scan(at(7, days=1))
    # The trials take the place of what waits; back in the present it waits again.
    for days in (5, 9):
        quiet.scan(at(8, days=days))
    quiet.scan(at(8, days=1))
    lived.scan(at(8, 15, days=1))
    assert "From 3 Mar 2031, 07:05 to 4 Mar 2031, 08:15." in said_in(digest(mailbox))
    lived.scan(at(7, days=2))
    assert len(digests(mailbox)) == 1
    rows = db.session.scalars(select(Alert.state).where(Alert.kind == "digest"))
    assert list(rows) == ["sent"] * 3


def test_after_a_trial_of_the_future_nobody_gets_a_digest_of_before_they_wanted_one(
    lived: World, mailbox: Mailbox
) -> None:
    set_digest(ANN, Wishes(rhythm=Rhythm.NONE), "test", at(1))
    set_digest(ANN, DAILY, "test", at(9))
    lived.scan(at(8, days=1))
    assert len(digests(mailbox)) == 2
    lived.scan(at(10))
    assert digests(mailbox) == []
    lived.scan(at(7, days=1))
    assert len(digests(mailbox)) == 2


def test_who_is_first_known_in_a_trial_of_the_future_is_known_from_then_on(
    lived: World, mailbox: Mailbox
) -> None:
    more = lived.with_settings(alert_recipients=f"{OPS}, {ANN}")
    more.scan(at(9, days=20))
    assert [mail["To"] for mail in digests(mailbox)] == [OPS]
    more.scan(at(10))
    assert digests(mailbox) == []
    more.scan(at(7, days=1))
    assert sorted(str(mail["To"]) for mail in digests(mailbox)) == [ANN, OPS]


def test_clocks_that_differ_a_little_make_no_second_digest(lived: World, mailbox: Mailbox) -> None:
    lived.scan(at(7, 3, days=1))
    lived.scan(at(7, days=1))
    lived.scan(at(7, 15, days=1))
    assert len(digests(mailbox)) == 1


def test_a_zone_that_is_no_more_keeps_nobody_else_from_their_digest(
    lived: World, mailbox: Mailbox
) -> None:
    row = set_digest(ANN, DAILY, "test", at(8))
    row.timezone = "Mars/Base"
    db.session.commit()
    lived.job()
    lived.scan(at(13, days=1))
    assert sorted(str(mail["To"]) for mail in mailbox.take()) == [OPS, OPS]

"""The reference agent delivers over ssh, sftp and rsync to a real sshd, whole or not at all."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from backupmon.core.statuses import Status
from tests.integration.agent_site import AgentSite, child_of, command, kill, site, until
from tests.integration.sshd import Sshd, running_sshd
from tests.servers import need_programs

__all__ = ["site"]

NOISE = command("head -c 3000000 /dev/urandom")


@pytest.fixture(scope="module")
def one_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def sshd(one_sshd: Sshd) -> Sshd:
    one_sshd.let_in()
    return one_sshd


def by(site: AgentSite, sshd: Sshd, way: str, **changes: object) -> None:
    need_programs(*{way, "ssh"})
    site.delivery = {"method": way, "path": site.deposit, **sshd.options, **changes}
    site.databases.setdefault("shop", NOISE)


#: The least that a key must be allowed, as docs/agent.md has it, and the path that it then needs.
RESTRICTED = {
    "ssh": ("", "{deposit}"),
    "sftp": ('command="internal-sftp -d {deposit}"', "."),
    "rsync": ('command="rrsync -wo {deposit}"', "."),
}


def restricted(site: AgentSite, sshd: Sshd, way: str, **changes: object) -> None:
    if way == "rsync":
        need_programs("rrsync")
    restriction, path = (text.format(deposit=site.deposit) for text in RESTRICTED[way])
    sshd.let_in(restriction)
    by(site, sshd, way, path=path, **changes)


@pytest.mark.parametrize("way", RESTRICTED)
def test_what_is_delivered_is_judged_good(site: AgentSite, sshd: Sshd, way: str) -> None:
    restricted(site, sshd, way)
    job = site.job()
    assert "BAD" not in site.run("check")
    said = site.run()
    assert "delivered the report" in said
    (name,) = [name for name in site.delivered() if not name.startswith(".")]
    assert (site.deposit / "databases" / name).stat().st_mode & 0o777 == 0o640
    site.scan()
    assert site.world.entry(job).status == Status.SUCCESS
    assert len(site.validated()) == 1


@pytest.mark.parametrize("way", ["sftp", "rsync"])
def test_a_transfer_that_is_killed_half_way_fails_and_leaves_nothing_to_judge(
    site: AgentSite, sshd: Sshd, way: str
) -> None:
    restricted(site, sshd, way, bandwidth_kb=300)
    databases = site.deposit / "databases"
    job = site.job()
    process = site.start()
    until(lambda: [part for part in databases.rglob(".*") if part.stat().st_size > 100_000])
    kill(child_of(process, way))
    process.communicate(timeout=120)
    assert process.returncode == 1
    assert [name for name in site.delivered() if not name.startswith(".")] == []
    site.scan()
    entry = site.world.entry(job)
    assert entry.status == Status.FAILED
    words = f"delivery failed: {way} was killed by SIGKILL"
    assert str(entry.agent_transfer_error_message).startswith(words)
    site.delivery.pop("bandwidth_kb")
    assert "removed what an earlier, cut-off transfer left" in site.run()
    site.scan()
    assert site.world.statuses(job) == [Status.FAILED, Status.SUCCESS]
    hidden = [path for path in site.deposit.rglob("*.gz") if "/." in str(path)]
    assert hidden == []


def test_a_further_try_goes_on_where_the_last_one_was_cut(site: AgentSite, sshd: Sshd) -> None:
    restricted(site, sshd, "sftp", bandwidth_kb=800, tries=2)
    databases = site.deposit / "databases"
    job = site.job()
    process = site.start()
    until(lambda: [part for part in databases.glob(".*") if part.stat().st_size > 1_000_000])
    kill(child_of(process, "sftp"))
    said = "".join(process.communicate(timeout=120))
    assert process.returncode == 0
    assert "try 1 of 2 failed: sftp was killed by SIGKILL" in said
    assert ": going on after " in said
    site.scan()
    assert site.world.entry(job).status == Status.SUCCESS


#: A server's shell through which no more than a part of the file comes, or another byte.
CUTTING = """\
#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
*/databases/*) {filter} | sh -c "$SSH_ORIGINAL_COMMAND" ;;
*) sh -c "$SSH_ORIGINAL_COMMAND" ;;
esac
"""


@pytest.mark.parametrize(
    ("filter_", "words"),
    [
        ("head -c 100000", "delivery failed: ssh ended with 65: 100000 of "),
        ("tr '\\000' '\\001'", "delivery failed: ssh ended with 66: another SHA-256 arrived"),
    ],
)
def test_what_arrives_short_or_damaged_is_never_renamed(
    site: AgentSite, sshd: Sshd, filter_: str, words: str, tmp_path: Path
) -> None:
    shell = tmp_path / "shell"
    shell.write_text(CUTTING.format(filter=filter_))
    shell.chmod(0o755)
    sshd.let_in(f'command="{shlex.quote(str(shell))}"')
    by(site, sshd, "ssh")
    job = site.job()
    site.run(expect=1)
    assert site.delivered() == []
    site.scan()
    entry = site.world.entry(job)
    assert entry.status == Status.FAILED
    assert str(entry.agent_transfer_error_message).startswith(words)


def test_a_line_that_is_down_is_tried_again_and_the_report_follows_later(
    site: AgentSite, sshd: Sshd
) -> None:
    by(site, sshd, "ssh", port=1, tries=3)
    job = site.job()
    said = site.run(expect=4)
    assert said.count("Connection refused") >= 3
    assert "kept for the next run" in said
    tried = site.run("check", expect=1)
    assert "is the server's sshd running" in tried
    by(site, sshd, "ssh")
    site.run()
    site.scan()
    assert site.world.statuses(job) == [Status.FAILED, Status.SUCCESS]
    words = str(site.world.entries(job)[0].agent_transfer_error_message)
    assert words.startswith("delivery failed (after 3 tries): ssh ended with 255: ")


def test_an_unknown_server_and_a_key_that_is_not_let_in_are_told_with_what_to_do(
    site: AgentSite, sshd: Sshd, tmp_path: Path
) -> None:
    by(site, sshd, "ssh", known_hosts_file=tmp_path / "none")
    assert "ssh-keyscan" in site.run("check", expect=1)
    (sshd.folder / "authorized_keys").write_text("")
    by(site, sshd, "sftp")
    assert "add this agent's public key" in site.run("check", expect=1)

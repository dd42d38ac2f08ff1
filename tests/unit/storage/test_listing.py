"""The folders of the deposit area."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from backupmon.core.paths import Component
from backupmon.storage.faults import ServerFault
from backupmon.storage.listing import DepositListing
from tests.unit.storage.conftest import OpenRoot

AGENT, LOG = Component("acme", any_case=True), Component("log", any_case=False)


def test_agents_folders_are_found_in_whatever_case(root: OpenRoot) -> None:
    for name in ("Acme", "ACME", "bank", ".claimed"):
        (root.path / name / "log").mkdir(parents=True)
    listing = DepositListing(root.fd)
    assert listing.agent_folders() == ["ACME", "Acme", "bank"]
    assert listing.spelt((AGENT, LOG)) == [("ACME", "log"), ("Acme", "log")]
    assert listing.spelt((LOG, AGENT)) == []
    assert listing.spelt((LOG,)) == [("log",)], "a name without an agent's id is taken as it is"


def test_a_name_that_is_no_text_is_no_agents(root: OpenRoot) -> None:
    (root.path / os.fsdecode(b"ac\xffme")).mkdir()
    (root.path / "ac\nme").mkdir()
    assert DepositListing(root.fd).agent_folders() == ["ac\nme"]


def test_the_area_is_listed_once(root: OpenRoot) -> None:
    listing = DepositListing(root.fd)
    assert listing.spelt((AGENT,)) == []
    (root.path / "acme").mkdir()
    assert listing.spelt((AGENT,)) == []
    assert DepositListing(root.fd).spelt((AGENT,)) == [("acme",)]


def test_where_a_file_or_a_link_stands_there_is_no_folder(root: OpenRoot) -> None:
    root.put("sites")
    (root.path / "link").symlink_to(root.path)
    for name in ("sites", "link", "absent"):
        components = (Component(name, any_case=False), AGENT)
        assert DepositListing(root.fd).spelt(components) == []


def test_a_folder_that_cannot_be_listed_is_the_servers_trouble(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    (root.path / "sites").mkdir(mode=0o700)
    as_nobody()
    with pytest.raises(ServerFault) as caught:
        DepositListing(root.fd).spelt((Component("sites", any_case=False), AGENT))
    assert caught.value.code == "folder.unreadable"

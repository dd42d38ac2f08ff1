"""Style, scripts and the choice of light and dark."""

from __future__ import annotations

import re

import pytest

from backupmon.config import PROJECT_ROOT
from tests.integration.conftest import World
from tests.integration.web import Browser, ClientAs


@pytest.fixture
def stranger(world: World, client_as: ClientAs) -> Browser:
    return client_as("stranger")


@pytest.mark.parametrize(
    ("pattern", "mimetype", "holds"),
    [
        (r'<link rel="stylesheet" href="([^"]+)"', "text/css", "--accent"),
        (r'<script src="([^"]+)" defer>', "text/javascript", "Idiomorph"),
    ],
)
def test_a_page_asks_for_one_bundle_that_browsers_keep_for_good(
    stranger: Browser, pattern: str, mimetype: str, holds: str
) -> None:
    (address,) = re.findall(pattern, stranger.get("/login").text)
    answer = stranger.get(address)
    assert answer.mimetype == mimetype
    assert holds in answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in answer.headers


def test_every_file_of_style_and_script_is_in_a_bundle(stranger: Browser) -> None:
    page = stranger.get("/login").text
    addresses = re.findall(r'(?:href|src)="(/assets/[0-9a-f]{12}/[^"]+)"', page)
    sent = "".join(stranger.get(address).text for address in addresses)
    files = [*PROJECT_ROOT.glob("static/css/**/*.css"), *PROJECT_ROOT.glob("static/js/*.js")]
    assert len(files) > 15
    for path in files:
        assert path.read_text(encoding="utf-8").strip() in sent, path.name


def test_the_address_of_an_older_bundle_leads_to_nothing(stranger: Browser) -> None:
    assert stranger.get("/assets/000000000000/app.css").status_code == 404
    assert stranger.get("/assets/000000000000/other.css").status_code == 404


def test_dark_and_light_are_kept_and_lead_back(stranger: Browser) -> None:
    assert "data-theme" not in stranger.get("/login").text
    answer = stranger.send("/theme", theme="dark", next="/login?next=/jobs/1")
    assert answer.location == "/login?next=/jobs/1"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert '<html lang="en" data-theme="dark">' in stranger.get("/login").text
    stranger.send("/theme", theme="")
    assert "data-theme" not in stranger.get("/login").text


@pytest.mark.parametrize("place", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_choice_leads_nowhere_else(stranger: Browser, place: str) -> None:
    assert stranger.send("/theme", theme="dark", next=place).location == "/"


@pytest.mark.parametrize("theme", ["blue", "<script>", "dark;x"])
def test_no_other_theme_is_taken(stranger: Browser, theme: str) -> None:
    assert stranger.send("/theme", theme=theme).status_code == 422
    stranger.set_cookie("theme", theme)
    assert "data-theme" not in stranger.get("/login").text

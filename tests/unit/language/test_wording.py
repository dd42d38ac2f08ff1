"""Times and quantities in the reader's language and zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import g, render_template_string

from backupmon import create_app
from backupmon.config import load_settings

NOW = datetime(2031, 3, 3, 12, 0, tzinfo=UTC)

Say = Callable[..., str]


@pytest.fixture
def say(tmp_path: Path) -> Say:
    """Render a value through a filter, as the reader of some language and zone sees it."""

    def render(filter_name: str, value: object, language: str = "en", zone: str = "UTC") -> str:
        app = create_app(load_settings(data_dir=tmp_path, default_timezone=zone))
        with app.test_request_context(headers={"Accept-Language": language}):
            g.now = NOW
            text = render_template_string("{{ value|" + filter_name + " }}", value=value)
        return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")

    return render


@pytest.mark.parametrize(
    ("ago", "english", "french"),
    [
        (timedelta(0), "just now", "à l’instant"),
        (timedelta(seconds=59), "just now", "à l’instant"),
        (timedelta(seconds=60), "1 min ago", "il y a 1 min"),
        (timedelta(minutes=59, seconds=59), "59 min ago", "il y a 59 min"),
        (timedelta(hours=1), "1 h ago", "il y a 1 h"),
        (timedelta(hours=47), "47 h ago", "il y a 47 h"),
        (timedelta(hours=48), "2 d ago", "il y a 2 j"),
        (timedelta(days=400), "400 d ago", "il y a 400 j"),
        (-timedelta(seconds=5), "in a moment", "dans un instant"),
        (-timedelta(minutes=11), "in 11 min", "dans 11 min"),
    ],
)
def test_an_age_is_told_in_one_unit(say: Say, ago: timedelta, english: str, french: str) -> None:
    assert f">{english}</time>" in say("age", NOW - ago)
    assert f">{french}</time>" in say("age", NOW - ago, "fr")


def test_a_time_is_told_in_the_readers_zone_and_its_title_in_utc(say: Say) -> None:
    told = say("datetime", NOW, zone="Africa/Douala")
    assert told == (
        '<time datetime="2031-03-03T12:00:00Z" title="2031-03-03 12:00:00 UTC">'
        "3 Mar 2031, 13:00</time>"
    )
    assert ">3 mars 2031, 12:00<" in say("datetime", NOW, "fr")
    assert ">4 Mar 2031<" in say("date", NOW, zone="Pacific/Kiritimati")
    assert ">12:00<" in say("clock", NOW)


@pytest.mark.parametrize(
    ("name", "value", "english", "french"),
    [
        ("size", 999, "999 B", "999 o"),
        ("size", 17_872_513, "17.9 MB", "17,9 Mo"),
        ("size", 2_000, "2.0 kB", "2,0 ko"),
        ("number", 1_040, "1,040", "1 040"),
        ("span", timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min", "2 h 5 min"),
        ("span", timedelta(days=3), "3 d", "3 j"),
        ("span", timedelta(minutes=1, seconds=9), "1 min", "1 min"),
        ("span", 40.7, "40 s", "40 s"),
        ("span", 0, "0 s", "0 s"),
        ("short_hash", "0123456789abcdef", "0123456789ab", "0123456789ab"),
    ],
)
def test_quantities(say: Say, name: str, value: object, english: str, french: str) -> None:
    assert say(name, value) == english
    assert say(name, value, "fr") == french


@pytest.mark.parametrize("name", ["datetime", "date", "clock", "age", "span", "size", "number"])
def test_what_is_not_known_is_a_dash(say: Say, name: str) -> None:
    assert say(name, None) == "–"


def test_a_span_in_one_unit_for_narrow_places(say: Say) -> None:
    late = timedelta(hours=8, minutes=12)
    assert (say("span", late), say("span(1)", late)) == ("8 h 12 min", "8 h")

"""The colours of the pages can be told apart and read, in light and in dark, by all eyes."""

from __future__ import annotations

import pytest

from tests.unit.looks.colours import BLINDNESS, Colour, contrast, seen_without, tokens

SCHEMES = ["light", "dark"]
GROUNDS = ("sunken", "ground", "raised", "hovered")
STATUSES = ("good", "changed", "failed", "transfer", "missing", "verifying")
TEXTS = ("text", "muted", "accent", *STATUSES, "unknown")
READABLE, VISIBLE = 4.5, 3.0


@pytest.fixture(params=SCHEMES)
def colours(request: pytest.FixtureRequest) -> dict[str, Colour]:
    return tokens()[request.param]


def test_the_contrast_of_black_and_white_is_that_of_the_standard() -> None:
    black, white = Colour(0, 0, 0).rgb, Colour(1, 0, 0).rgb
    assert contrast(white, black) == pytest.approx(21, abs=0.01)
    grey = Colour(0.5693, 0, 0).rgb  # #777777
    assert contrast(grey, white) == pytest.approx(4.48, abs=0.02)


def test_every_text_can_be_read_on_every_ground(colours: dict[str, Colour]) -> None:
    for text in TEXTS:
        for ground in GROUNDS:
            found = contrast(colours[text].rgb, colours[ground].rgb)
            assert found >= READABLE, (text, ground, round(found, 2))


def test_a_sentence_can_be_read_on_the_ground_of_its_status(colours: dict[str, Colour]) -> None:
    for name, ground in colours.items():
        if name.endswith("-ground"):
            for text in ("text", "muted", "accent", name.removesuffix("-ground")):
                found = contrast(colours[text].rgb, ground.rgb)
                assert found >= READABLE, (text, name, round(found, 2))


def test_buttons_can_be_read_and_fields_can_be_seen(colours: dict[str, Colour]) -> None:
    assert contrast(colours["on-accent"].rgb, colours["accent"].rgb) >= READABLE
    for ground in ("ground", "raised"):
        assert contrast(colours["edge"].rgb, colours[ground].rgb) >= VISIBLE


def test_statuses_have_one_lightness_and_one_chroma(colours: dict[str, Colour]) -> None:
    assert len({(colours[name].lightness, colours[name].chroma) for name in STATUSES}) == 1


def test_hues_of_statuses_lie_apart(colours: dict[str, Colour]) -> None:
    hues = sorted(colours[name].hue for name in STATUSES)
    gaps = [after - before for before, after in zip(hues, [*hues[1:], hues[0] + 360], strict=True)]
    assert min(gaps) >= 30


def test_every_colour_is_one_that_a_screen_has(colours: dict[str, Colour]) -> None:
    assert [name for name, colour in colours.items() if not colour.is_shown_as_written] == []


def test_dark_raises_by_light_and_saturates_less() -> None:
    schemes = tokens()
    dark = schemes["dark"]
    assert dark["sunken"].lightness < dark["ground"].lightness < dark["raised"].lightness
    assert dark["failed"].chroma < schemes["light"]["failed"].chroma


@pytest.mark.parametrize("cone", sorted(BLINDNESS))
def test_statuses_stay_readable_to_eyes_that_lack_a_cone(
    colours: dict[str, Colour], cone: str
) -> None:
    for status in STATUSES:
        for ground in GROUNDS:
            seen = [seen_without(cone, colours[name].rgb) for name in (status, ground)]
            assert contrast(*seen) >= READABLE - 0.6, (status, ground)

"""Sentences: English to whoever prints them, translated by whoever shows them."""

from __future__ import annotations

from copy import deepcopy

import pytest
from flask import Flask
from flask_babel import force_locale

from backupmon.core.phrases import sentence
from backupmon.language.filters import sentence as as_sentence
from backupmon.language.filters import translate


def test_a_sentence_is_its_english_and_keeps_a_per_cent_sign() -> None:
    told = sentence("is no time: %(value)s", value="100 %(x)s")
    assert told == "is no time: 100 %(x)s"
    assert f"it {told}" == "it is no time: 100 %(x)s"
    assert deepcopy(told).phrase == told.phrase


def test_a_sentence_within_another_is_translated_with_it(app: Flask) -> None:
    place = sentence("line %(number)s", number="1200")
    told = sentence("the same agent and database as %(place)s", place=place)
    with force_locale("fr"):
        assert translate(told) == "même agent et même base que ligne 1200"
        assert translate("is required") == "est obligatoire"
        assert translate("100 % of what nobody knows") == "100 % of what nobody knows"
    with force_locale("en"):
        assert translate(told) == told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("the disk is full", "The disk is full."),
        ("l’espace manque.", "L’espace manque."),
        ("état inconnu", "État inconnu."),
        ("acme/shop: it is stuck", "acme/shop: it is stuck."),
        ("root0: the disk is full", "root0: the disk is full."),
        ("/srv/a b: nothing", "/srv/a b: nothing."),
        ("BACKUPMON_MAIL_PORT is wrong", "BACKUPMON_MAIL_PORT is wrong."),
        ("  ", ""),
    ],
)
def test_words_in_passing_become_a_sentence_and_names_stay(words: str, told: str) -> None:
    assert as_sentence(words) == told

"""Any address of a comparison is read; what cannot be an id is named."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from runs_app.comparison.wish import Wish, read_wish, without
from runs_app.series import MOST_CURVES


def wish(query: str) -> Wish:
    return read_wish(QueryDict(query))


@pytest.mark.parametrize("query", ["ids=a,b", "ids=a&ids=b", "ids=a,b,a", "ids=a, b,", "ids=a,b,,"])
def test_ids_are_read_however_they_are_written(query: str) -> None:
    assert wish(query).places == ("a", "b")


def test_a_place_that_was_left_stays_empty_so_that_colours_stay() -> None:
    assert wish("ids=a,,c").places == ("a", "", "c")
    assert wish("ids=a,,c").uids == ("a", "c")
    assert without(("a", "b", "c"), "b") == "a,,c"
    assert without(("a", "b", "c"), "c") == "a,b"


def test_more_places_than_colours_are_closed_up() -> None:
    ids = ",".join(f"r{n}," for n in range(MOST_CURVES))
    assert wish(f"ids={ids}").places == tuple(f"r{n}" for n in range(MOST_CURVES))


@pytest.mark.parametrize("text", ["../etc", "a b", "ä", "x" * 17, "%00", "1;2"])
def test_what_cannot_be_an_id_is_set_apart(text: str) -> None:
    found = wish(f"ids=a,{text}")
    assert found.places == ("a",)
    assert len(found.unreadable) == 1
    assert len(found.unreadable[0]) < 30
    assert found.unreadable[0].isprintable()


def test_twenty_runs_are_enough() -> None:
    assert not wish("ids=" + ",".join(f"r{n}" for n in range(20))).too_many
    assert wish("ids=" + ",".join(f"r{n}" for n in range(21))).too_many


def test_unknown_words_fall_back_to_the_usual() -> None:
    found = wish("ids=a,b&x=phase&base=c&all=yes")
    assert (found.x, found.base, found.every) == ("step", "", False)
    assert wish("ids=a,b&x=time&base=b&all=1") == Wish(("a", "b"), x="time", base="b", every=True)

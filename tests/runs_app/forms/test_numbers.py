"""Whole numbers of addresses and forms: digits, and nothing that only looks like them."""

from __future__ import annotations

import pytest

from runs_app.forms.numbers import whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_plain_digits_are_a_number(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1_000", "²", "١", "9" * 19])
def test_all_else_is_none(text: str) -> None:
    assert whole_number(text) is None


def test_the_digits_may_be_fewer() -> None:
    assert whole_number("12345678", digits=8) == 12_345_678
    assert whole_number("123456789", digits=8) is None

"""How numbers, sizes and times are written."""

from __future__ import annotations

import math
from typing import Any

import pytest

from runs_app.templatetags import runs_format as write
from runs_app.templatetags import scores_format


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), ("", "–"), (0, "0"), (1.5, "1.500"), (-3.14159, "−3.142"),
        (0.00123456, "0.001235"), (0.0000123, "1.230e−05"), (12345.678, "12,346"),
        (9999.9, "10,000"), (2.5e7, "2.500e+07"), ("NaN", "NaN"), (math.inf, "∞"),
        ("-Infinity", "−∞"), (999.97, "1,000"),
    ],
)  # fmt: skip
def test_four_significant_digits(value: Any, text: str) -> None:
    assert write.sig(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"), (0.31, "0.3 s"), (0.0334, "0.03 s"), (0.001, "0.0 s"), (0.097, "0.1 s"),
        (1, "1 s"), (59.7, "1 min"), (61, "1 min 1 s"), (7500, "2 h 5 min"), (86_400, "1 d"),
        ("NaN", "–"),
    ],
)  # fmt: skip
def test_durations_have_two_units(seconds: Any, text: str) -> None:
    assert write.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (2_231_456, "2.23 MB"), (1.5e12, "1.5 TB")],
)
def test_sizes_have_three_digits(size: float, text: str) -> None:
    assert write.size(size) == text


def test_a_message_becomes_a_sentence_and_a_file_keeps_its_name() -> None:
    assert write.sentence("the column open is missing") == "The column open is missing."
    assert write.sentence("candles.csv is empty; choose another.") == (
        "candles.csv is empty; choose another."
    )


def test_learning_rates_are_scientific() -> None:
    assert write.sci(2e-4) == "2.00e−4"
    assert write.percent(0.5123) == "51.2"
    assert write.count(5_505_024) == "5.5 M"


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (0.000512, "crps", "5.120 bp"), (-5.4321, "nll", "−5.432 nats"),
        (1.5e-6, "squared_error", "1.50e−6"), (None, "crps", "–"),
    ],
)  # fmt: skip
def test_scores_have_their_unit(value: Any, name: str, text: str) -> None:
    assert scores_format.score(value, name) == text


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (0.0248, "crps", "+2.48 %"), (-0.01, "pinball", "−1.00 %"),
        (0.0309, "nll", "+0.0309 nats"), ("NaN", "crps", "NaN"), (None, "nll", "–"),
    ],
)  # fmt: skip
def test_skills_have_a_sign(value: Any, name: str, text: str) -> None:
    assert scores_format.skill(value, name) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0, "< 0.0001"), (0.0004, "0.0004"), (0.23, "0.230"), ("NaN", "–")]
)
def test_p_values_are_bounded_below(p: Any, text: str) -> None:
    assert scores_format.p_value(p) == text


def test_whole_numbers_are_exact_however_large() -> None:
    assert write.whole(2**53 + 1) == "9,007,199,254,740,993"
    assert write.whole(12.0) == "12"
    assert write.whole(True) == "–"
    assert write.sig(10**400) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (67123.456, "67,123.46"), (1234567.891, "1,234,567.89"), (100, "100.000"),
        (1.08345, "1.08345"), (0.00001234, "0.0000123400"), (0, "0.00000"), (-1234.5, "−1,234.50"),
        (1e-15, "0.000000000000"), ("NaN", "NaN"), (99999.996, "100,000.00"),
    ],
)  # fmt: skip
def test_a_price_has_thousands_apart_and_never_an_exponent(value: Any, text: str) -> None:
    assert write.price(value) == text


def test_prices_beside_each_other_have_the_same_decimals() -> None:
    assert (write.price(99.5, 1100.25), write.price(1100.25)) == ("99.50", "1,100.25")


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, "run", "0 runs"), (1, "run", "1 run"), (1200, "run", "1,200 runs"),
        (2, "try", "2 tries"), (2, "day", "2 days"), (1, "row is,rows are", "1 row is"),
        (2, "row is,rows are", "2 rows are"),
        (None, "bar", "– bars"), ("1", "bar", "1 bar"),
    ],
)  # fmt: skip
def test_a_count_has_its_noun_in_the_right_number(number: Any, nouns: str, text: str) -> None:
    assert write.counted(number, nouns) == text
    assert write.noun(number, nouns) == text.partition(" ")[2]

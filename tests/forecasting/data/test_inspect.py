"""What the pages learn of a file, and what they refuse before a run is started."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.data.inspect import (
    CandleFacts,
    bar_name,
    check_against,
    facts_of,
)
from runs_app.forecasting.data.prepare import prepare_candles
from runs_app.forecasting.errors import DataInvalid
from tests.synthetic import random_candles, small_config, write_candles

TWO_MONTHS = CandleFacts(
    "1m", 60, 86_400, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, tzinfo=UTC)
)
FIVE_DAYS = CandleFacts(
    "1m", 60, 7200, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 5, 23, 59, tzinfo=UTC)
)


def _errors(facts: CandleFacts, **sections: dict[str, Any]) -> dict[str, str]:
    found = check_against(small_config(**sections), facts)
    return {error.path: error.message for error in found}


def test_facts_are_those_of_the_file(tmp_path: Path) -> None:
    path = write_candles(tmp_path / "a.csv", random_candles(100, bar_seconds=300))
    facts = facts_of(*read_candles(path, repair=False))
    assert facts == CandleFacts(
        "5m", 300, 100,
        datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 8, 15, tzinfo=UTC),
    )  # fmt: skip
    assert facts.last_close == datetime(2024, 1, 1, 8, 20, tzinfo=UTC)


def test_a_faulty_file_is_refused_unless_repair_is_asked_for(tmp_path: Path) -> None:
    path = write_candles(tmp_path / "a.csv", random_candles(100))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(DataInvalid, match="line 101: .* comes again on line 102"):
        facts_of(*read_candles(path, repair=False))
    facts = facts_of(*read_candles(path, repair=True))
    assert facts.bars == 100
    assert "1 row(s) left out" in facts.notes[0]


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(1, "1s"), (60, "1m"), (300, "5m"), (5400, "90m"), (7200, "2h"), (86_400, "1d"),
     (604_800, "1w")],
)  # fmt: skip
def test_a_bar_has_its_shortest_name(seconds: int, name: str) -> None:
    assert bar_name(seconds) == name


def test_a_fitting_configuration_has_no_errors() -> None:
    assert _errors(TWO_MONTHS) == {}
    assert _errors(TWO_MONTHS, data={"start": "2024-01-01", "end": "2024-03-01"}) == {}
    assert _errors(TWO_MONTHS, data={"start": "2024-01-20", "end": "2024-02-01"}) == {}


def test_the_default_run_fits_the_bundled_sample() -> None:
    whole = {"timeframes": ["1m", "15m", "1h"]}
    horizons = {"next_bars": 1, "short": "30m", "long": "1w"}
    assert _errors(TWO_MONTHS, data=whole, horizons=horizons, model={"context_bars": 96}) == {}


@pytest.mark.parametrize(
    ("sections", "path", "words"),
    [
        ({"data": {"start": "2023-12-31"}}, "data.start", "the data runs from 2024-01-01 00:00"),
        ({"data": {"start": "2024-03-01"}}, "data.start", "is outside the data"),
        ({"data": {"end": "2024-03-02"}}, "data.end", "to 2024-03-01 00:00 UTC"),
        ({"data": {"end": "2024-01-01"}}, "data.end", "is outside the data"),
        (
            {"data": {"start": "2024-02-29T18:00"}}, "data.timeframes",
            "there are 360 bars of 1m from 2024-02-29 18:00 to 2024-03-01 00:00, but at least",
        ),
        (
            {"data": {"timeframes": ["1m", "1d"]}}, "data.timeframes",
            r"253,440 for warm-up and context \(176 bars of 1d\).*Choose no 1d bars",
        ),
    ],
)  # fmt: skip
def test_each_misfit_names_its_field_and_the_way_out(
    sections: dict[str, Any], path: str, words: str
) -> None:
    errors = _errors(TWO_MONTHS, **sections)
    assert list(errors) == [path]
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(errors[path])


def test_a_week_ahead_from_five_days_says_what_is_missing() -> None:
    (message,) = [_errors(FIVE_DAYS, horizons={"long": "1w"})["horizons.long"]]
    assert "there are 7,200 bars of 1m" in message
    assert "30,242 for labels and purges of the longest horizon" in message
    assert "a long horizon shorter than 1w" in message
    assert "more data" in message


def test_bars_shorter_than_the_file_are_refused_with_the_choice() -> None:
    hourly = CandleFacts("1h", 3600, 9000, TWO_MONTHS.first_open, datetime(2025, 1, 9, tzinfo=UTC))
    errors = _errors(hourly, data={"timeframes": ["5m", "30m", "1d"]}, horizons={"long": "4h"})
    assert errors == {
        "data.timeframes": "5m and 30m cannot be made from this file's 1h candles; choose from "
        "1h, 4h, 1d, 1w"
    }


def test_few_candles_in_a_long_time_are_refused() -> None:
    thin = CandleFacts("1m", 60, 150, TWO_MONTHS.first_open, TWO_MONTHS.last_open)
    assert "about 150 candles" in _errors(thin)["data.source"]


@pytest.mark.parametrize("bars", range(1000, 1400, 25))
def test_what_is_let_through_without_holes_can_be_prepared(bars: int) -> None:
    """The check is exact: nothing that passes fails later, nothing that works is refused."""
    config = small_config()
    candles = random_candles(bars)
    refused = bool(check_against(config, facts_of(candles)))
    try:
        prepare_candles(config, candles)
    except DataInvalid:
        assert refused
    else:
        assert not refused


def test_the_web_side_loads_no_torch() -> None:
    code = (
        "import sys\n"
        "import runs_app.forecasting.data.inspect, runs_app.forecasting.data.sample\n"
        "heavy = {'torch', 'pytorch_lightning', 'talib', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'loads {heavy}' if heavy else 0)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

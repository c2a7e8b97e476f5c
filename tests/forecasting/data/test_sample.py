"""The bundled sample follows the process it claims to follow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from runs_app.forecasting.data import sample
from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.data.sample import sample_candles, simulate, write_sample


def test_returns_follow_the_stated_recursion() -> None:
    drawn = simulate(2000, seed=3)
    r, v = drawn.log_return, drawn.volatility**2
    assert np.allclose(
        v[1:], sample.OMEGA + sample.ALPHA * r[:-1] ** 2 + sample.BETA * v[:-1], rtol=1e-12
    )


def test_shocks_are_student_t_of_variance_one() -> None:
    drawn = simulate(100_000, seed=1)
    shocks = drawn.log_return / drawn.volatility
    unit = np.sqrt((sample.DEGREES_OF_FREEDOM - 2) / sample.DEGREES_OF_FREEDOM)
    assert stats.kstest(shocks / unit, stats.t(sample.DEGREES_OF_FREEDOM).cdf).pvalue > 0.01
    assert np.mean(drawn.log_return**2) == pytest.approx(sample.LONG_RUN_VARIANCE, rel=0.15)
    assert abs(np.corrcoef(shocks[1:], shocks[:-1])[0, 1]) < 0.02


def test_the_file_is_the_process_to_the_last_digit(tmp_path: Path) -> None:
    path = tmp_path / "data" / sample.FILE_NAME
    written = write_sample(path, bars=5000, seed=11)
    assert path.read_text().splitlines()[0] == "time,open,high,low,close,volume"
    back, notes = read_candles(path, repair=False)
    assert notes == ()
    assert back.bar_seconds == 60
    for name in ("open_time", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(back, name), getattr(written, name)), name
    returns = np.diff(np.log(back.close))
    assert np.allclose(returns, simulate(5000, seed=11).log_return[1:], rtol=0, atol=1e-14)
    assert [entry.name for entry in path.parent.iterdir()] == [sample.FILE_NAME]


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_sample(tmp_path / name, bars=300, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_candles_are_plausible_and_say_they_are_synthetic() -> None:
    candles = sample_candles(5000)
    assert bool(np.all(candles.high >= np.maximum(candles.open, candles.close)))
    assert bool(np.all(candles.low <= np.minimum(candles.open, candles.close)))
    assert bool(np.all(candles.volume > 0))
    assert "synthetic" in sample.FILE_NAME
    # Parkinson's estimate from the range agrees with the variance of the returns.
    ranges = np.log(candles.high / candles.low) ** 2 / (4 * np.log(2))
    assert np.mean(ranges) == pytest.approx(np.mean(simulate(5000, 7).volatility ** 2), rel=0.2)

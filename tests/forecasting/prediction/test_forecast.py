"""The newest closed candles in, a calibrated distribution out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.errors import DataInvalid, ModelInvalid
from runs_app.forecasting.prediction.forecast import predict
from runs_app.forecasting.prediction.inputs import closed_candles
from runs_app.forecasting.prediction.model import TrainedModel, load_model
from tests.forecasting.prediction.conftest import train
from tests.synthetic import random_candles


def after(candles: Candles) -> datetime:
    """A minute after the last candle closed."""
    last = int(candles.open_time[-1]) / 1000 + candles.bar_seconds
    return datetime.fromtimestamp(last, UTC) + timedelta(minutes=1)


def close(found: pd.Series, known: pd.Series) -> None:
    np.testing.assert_allclose(found, known, rtol=2e-5, atol=1e-8)


def test_a_forecast_equals_the_one_of_the_run(
    run_dir: Path, model: TrainedModel, candles: Candles
) -> None:
    prediction = predict(model, candles, last=2000, now=after(candles))
    known = pd.read_parquet(run_dir / "predictions.parquet").set_index("time")
    found = prediction.table.to_pandas().set_index("time")
    both = known.index.intersection(found.index)
    assert len(both) > 200
    for theirs, ours in (("mean", "location"), ("scale", "scale"), ("df", "df")):
        close(found.loc[both, ours], known.loc[both, theirs])
    for name in ("q0.05", "q0.95", "short_p_up", "long_p_down"):
        close(found.loc[both, name], known.loc[both, name])


def test_the_last_row_is_the_last_closed_bar(model: TrainedModel, candles: Candles) -> None:
    prediction = predict(model, candles, last=1, now=after(candles))
    row = prediction.table.to_pylist()[0]
    assert row["time"].timestamp() * 1000 == candles.open_time[-1] + 60_000
    assert row["target_time"] - row["time"] == timedelta(minutes=model.config.horizons.next_bars)
    assert row["close"] == candles.close[-1]
    prices = [row[f"price_q{level}"] for level in ("0.025", "0.25", "0.5", "0.75", "0.975")]
    assert prices == sorted(prices)
    assert prices[2] == pytest.approx(row["close"] * np.exp(row["location"]))
    assert 0.0 < row["probability_up"] < 1.0
    assert sum(row[f"short_p_{way}"] for way in ("down", "flat", "up")) == pytest.approx(1.0)


def test_a_candle_that_has_not_closed_is_never_used(model: TrainedModel, candles: Candles) -> None:
    running = datetime.fromtimestamp(int(candles.open_time[-1]) / 1000 + 59, UTC)
    prediction = predict(model, candles, last=1, now=running)
    assert prediction.table.to_pylist()[0]["time"].timestamp() * 1000 == candles.open_time[-1]
    assert any("not closed yet now" in note for note in prediction.notes)
    torn = replace(candles, close=candles.close.copy(), high=candles.high.copy())
    torn.close[-1] *= 1.5
    torn.high[-1] = max(torn.high[-1], torn.close[-1])
    again = predict(model, torn, last=1, now=running)
    assert again.table.equals(prediction.table)


def test_a_candle_that_was_running_when_the_file_was_written_is_left_out(candles: Candles) -> None:
    written = datetime.fromtimestamp(int(candles.open_time[-3]) / 1000 + 30, UTC)
    closed, notes = closed_candles(candles, now=after(candles), written_at=written)
    assert len(closed) == len(candles) - 3
    assert "when the file was written" in notes[0]


def test_old_candles_are_said_to_be_old(model: TrainedModel, candles: Candles) -> None:
    prediction = predict(model, candles, last=1, now=after(candles) + timedelta(days=3))
    assert any("its target time may be past" in note for note in prediction.notes)


@pytest.mark.parametrize(
    ("bars", "seconds", "sentence"),
    [
        (100, 60, "give a file that reaches further back"),
        (4000, 3600, "cannot be made from candles of 1h"),
    ],
)
def test_candles_that_do_not_fit_are_refused(
    model: TrainedModel, bars: int, seconds: int, sentence: str
) -> None:
    unfit = random_candles(bars, bar_seconds=seconds)
    with pytest.raises(DataInvalid, match=sentence):
        predict(model, unfit, last=1, now=after(unfit))


@pytest.mark.parametrize("kind", ["gaussian_nll", "quantile", "mse"])
def test_every_head_forecasts_what_it_can(
    kind: str, tmp_path: Path, data_root: Path, candles: Candles
) -> None:
    run_dir = train(tmp_path / kind, data_root, kind)
    model = load_model(run_dir / "checkpoints" / "best.ckpt")
    prediction = predict(model, candles, last=5, now=after(candles))
    row = prediction.table.to_pylist()[-1]
    assert np.isfinite(row["location"])
    assert (row["scale"] is not None) == (kind == "gaussian_nll")
    assert (row["q0.05"] is not None) == (kind != "mse")
    assert (row["q0.025"] is not None) == (kind == "gaussian_nll")
    assert len(prediction.chart["time"]) == 120


def test_the_chart_has_the_outcome_where_it_is_known(model: TrainedModel, candles: Candles) -> None:
    chart = predict(model, candles, last=10, now=after(candles)).chart
    ahead = model.config.horizons.next_bars
    assert chart["target_close"][-ahead:] == [None] * ahead
    assert chart["target_close"][-ahead - 1] == candles.close[-1]
    assert [x is not None for x in chart["location"]] == [False] * 110 + [True] * 10


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(ModelInvalid, match=r"x\.ckpt is no checkpoint"):
        load_model(tmp_path / "x.ckpt")
    with pytest.raises(ModelInvalid, match="does not exist"):
        load_model(tmp_path / "y.ckpt")

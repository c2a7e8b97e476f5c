"""What the builder draws is what a run would learn from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.prepare import prepare_candles
from runs_app.forecasting.errors import DataInvalid
from runs_app.forecasting.preview import split
from runs_app.forecasting.preview.__main__ import PREVIEWS
from runs_app.forecasting.preview.asking import answer
from runs_app.forecasting.preview.features import SHOWN_BARS, preview_features
from runs_app.forecasting.preview.losses import preview_losses
from runs_app.forecasting.preview.split import preview_split
from tests.synthetic import random_candles, small_config, write_candles


@pytest.fixture(scope="module")
def candles() -> Candles:
    return random_candles(4000)


def test_the_bands_and_shares_are_those_of_the_run(candles: Candles) -> None:
    config = small_config()
    found, data = preview_split(config, candles), prepare_candles(config, candles)
    for band in found.bands:
        rows = data.splits[band.name].numpy()
        assert (band.first, band.last) == (
            data.decision_time[rows[0]],
            data.decision_time[rows[-1]],
        )
        assert band.decisions == len(rows)
    train = data.short_label[data.splits["train"]].numpy()
    shares = next(s for s in found.shares if (s.horizon, s.part) == ("short", "train"))
    assert shares.flat == pytest.approx(float((train == 1).mean()))
    assert shares.down + shares.flat + shares.up == pytest.approx(1.0)
    gap = (found.bands[1].first - found.bands[0].last) / 1000
    assert gap >= found.purge_seconds + found.embargo_seconds
    assert found.problem == ""


def test_a_thinned_chart_keeps_highs_and_lows(
    candles: Candles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "STRETCHES", 50)
    found = preview_split(small_config(), candles)
    assert len(found.prices) == 50
    assert max(p.high for p in found.prices) == pytest.approx(candles.high.max())
    assert min(p.low for p in found.prices) == pytest.approx(candles.low.min())
    assert found.prices[-1].at == found.last


def test_the_example_decision_is_labelled_as_the_run_labels_it(candles: Candles) -> None:
    config = small_config()
    found, data = preview_split(config, candles), prepare_candles(config, candles)
    assert found.example
    row = int(np.searchsorted(data.decision_time, found.example.at))
    named = {outcome.name: outcome for outcome in found.example.outcomes}
    assert named["next"].move == pytest.approx(float(data.target[row]), rel=1e-5)
    names = ["down", "flat", "up"]
    assert named["short"].direction == names[int(data.short_label[row])]
    assert named["long"].direction == names[int(data.long_label[row])]
    assert found.example.prices[0].at < found.example.at < found.example.prices[-1].at


def test_features_are_those_of_the_run_before_scaling(candles: Candles) -> None:
    config = small_config()
    found, data = preview_features(config, candles), prepare_candles(config, candles)
    for group, names in zip(found.groups, data.feature_names, strict=True):
        assert tuple(column.name for column in group.columns) == names
        assert all(column.missing == 0 for column in group.columns)
        assert len(group.candles) == len(group.columns[0].values) <= SHOWN_BARS
    first = found.groups[0].columns[0]
    assert first.name == "log_return"
    closes = [candle[3] for candle in found.groups[0].candles]
    assert first.values[-1] == pytest.approx(np.log(closes[-1] / closes[-2]))
    with pytest.raises(DataInvalid, match="warm-up"):
        preview_features(config, random_candles(120))


def test_the_losses_are_drawn_on_the_training_part(candles: Candles) -> None:
    config = small_config()
    found, data = preview_losses(config, candles), prepare_candles(config, candles)
    train = data.target[data.splits["train"]].double().numpy()
    assert found.decisions == len(train)
    assert found.scale == pytest.approx(train.std(), rel=1e-6)
    assert sum(found.shares) + found.beyond == pytest.approx(1.0)
    assert np.trapezoid(found.gaussian, found.at) == pytest.approx(1.0, abs=0.01)
    assert found.df < 30  # the candles have heavy tails
    assert list(found.quantiles) == sorted(found.quantiles)


def test_a_refusal_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_candles(tmp_path / "candles.csv", random_candles(120))
    config = json.dumps(small_config().model_dump(mode="json"))
    given = [config, str(tmp_path), str(tmp_path / "store")]
    assert answer(PREVIEWS, ["features", *given]) == 1
    assert "bars of 1m" in capsys.readouterr().err
    write_candles(tmp_path / "candles.csv", random_candles(4000))
    assert answer(PREVIEWS, ["split", *given]) == 0
    assert json.loads(capsys.readouterr().out)["problem"] == ""

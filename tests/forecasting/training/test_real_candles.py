"""A year of real one-minute candles, three timeframes, each of the four losses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.events import EpochFinished, FitFinished, FitStarted, Reason
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

YEAR = "bitfinex_BTCUSD_1m_2018.csv.gz"


@pytest.mark.parametrize("kind", list(LossKind))
def test_a_year_of_bitcoin_trains(kind: LossKind, shared_data: Path, tmp_path: Path) -> None:
    config = compose_config(
        {
            "data": {"source": YEAR, "timeframes": ["1m", "15m", "1h"]},
            "model": {"variant": "tiny", "d_model": 32, "context_bars": 32},
            "loss": {"kind": kind.value},
            "train": {"max_epochs": 2, "steps_per_epoch": 150, "batch_size": 128},
        }
    )
    run_dir = write_run(tmp_path / kind, config)
    assert run(run_dir, shared_data / "crypto", progress=False) == 0
    events = events_of(run_dir)
    started = next(event for event in events if isinstance(event, FitStarted))
    assert started.train_samples > 300_000
    losses = [e.metrics["val_loss"] for e in events if isinstance(e, EpochFinished)]
    assert len(losses) == 2
    assert None not in losses
    assert losses[1] < losses[0]  # type: ignore[operator]
    last = events[-1]
    assert isinstance(last, FitFinished)
    assert last.reason is Reason.COMPLETED
    frame = pd.read_parquet(run_dir / "predictions.parquet")
    assert set(frame["split"]) == {"validation", "test"}
    assert len(frame) == started.validation_samples + started.test_samples
    assert frame["time"].dt.tz is not None
    assert (
        frame[["short_p_down", "short_p_flat", "short_p_up"]].sum(axis=1) - 1
    ).abs().max() < 1e-4

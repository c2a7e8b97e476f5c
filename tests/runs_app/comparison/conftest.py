"""Completed runs with the files that a comparison reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runs_app.models import TrainingRun
from tests.factories import as_stored, make_completed_run, make_config, make_verdict

MakeScored = Callable[..., TrainingRun]


@pytest.fixture
def make_scored(db: None, runs_root: Path) -> MakeScored:
    """A judged run; ``crps`` and ``rows`` (the outcomes it was scored on) may be told."""

    def make(
        name: str,
        *,
        crps: float = 0.001,
        rows: float = 0.002,
        covered: float = 0.9,
        **sections: Any,
    ) -> TrainingRun:
        config = make_config(**sections)
        run = make_completed_run(
            name=name,
            config=config.model_dump(mode="json"),
            best_val_loss=crps * 1000,
            outcome="beats",
            verdict=as_stored(make_verdict()),
            metrics={
                "best": {"epoch": 1, "val_loss": crps * 1000, "val_crps": crps, "val_da": crps},
                "baselines": {"random_walk": {"val_rmse": rows, "val_crps": rows / 2}},
                "device": "CPU",
            },
        )
        summary = {
            "data": {"candles_sha256": "ab" * 32, "candles": 100},
            "samples": {"train": 70, "validation": 10, "test": 10},
            "scores": {"test": {"model": {"crps": crps}, "random_walk": {"rmse": rows}}},
        }
        (runs_root / run.uid).mkdir()
        (runs_root / run.uid / "metrics.json").write_text(json.dumps(summary))
        row = {"forecaster": "model", "nominal": 0.95, "covered": covered, "low": 0, "high": 1}
        (runs_root / run.uid / "report.json").write_text(json.dumps({"coverage": [row]}))
        return run

    return make

"""What is known of one run of a comparison: its row, and the files it left when it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from runs_app.errors import ArtifactNotFound
from runs_app.execution.run_directory import path_of
from runs_app.forecasting.environment import Environment, newest_environment
from runs_app.forecasting.evaluation.documents import Comparison, Verdict
from runs_app.forecasting.evaluation.report import Coverage
from runs_app.forecasting.events import METRICS_FILE, REPORT_FILE
from runs_app.judgement import stored
from runs_app.models import TrainingRun
from runs_app.series import finite
from runs_app.services.run_files import read_run_file

MAX_BYTES = 8 * 1024 * 1024
ZERO_FORECAST = "random_walk"
"""It forecasts no move, so its RMSE is that of the outcomes alone: equal only on equal rows."""


@dataclass(frozen=True)
class Facts:
    """One run, with its files read once."""

    run: TrainingRun

    @property
    def latest(self) -> Mapping[str, Any]:
        """The newest value of every metric."""
        found: dict[str, Any] = self.run.metrics
        return found

    @property
    def best(self) -> Mapping[str, Any]:
        """The validation scores at the epoch of the lowest validation loss."""
        return self.latest.get("best") or {}

    @cached_property
    def verdict(self) -> Verdict | None:
        """None where the run was not judged."""
        return stored(Verdict, self.run.verdict) if self.run.is_final else None

    @cached_property
    def _summary(self) -> Mapping[str, Any]:
        return _document(self.run, METRICS_FILE) if self.run.is_final else {}

    def of_file(self, *path: str) -> Any:
        """A value of ``metrics.json``; None where there is none."""
        value: Any = self._summary
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    @cached_property
    def environment(self) -> Environment | None:
        """What its newest attempt trained with; None before it began."""
        return newest_environment(path_of(self.run.uid))

    @cached_property
    def coverage(self) -> dict[float, float]:
        """Of the test outcomes, how many each central interval held, by its nominal share."""
        if self.verdict is None:
            return {}
        found: dict[float, float] = {}
        rows = _document(self.run, REPORT_FILE).get("coverage")
        for row in rows if isinstance(rows, list) else ():
            try:
                one = Coverage.model_validate(row)
            except ValidationError:
                continue
            if one.forecaster == "model":
                found[one.nominal] = one.covered
        return found

    def skill(self, score: str) -> Comparison | None:
        """The model against the baseline that is hardest to beat by ``score``."""
        against = [one for one in self.comparisons if one.score == score]
        return min(against, key=lambda one: one.skill) if against else None

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The model against each baseline on the test part."""
        return self.verdict.comparisons if self.verdict else ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the candles it learnt from; empty where it left none."""
        found = self.of_file("data", "candles_sha256")
        return found if isinstance(found, str) else ""

    @property
    def validation_rows(self) -> float | None:
        """A number that is the same only for the same validation outcomes; None: not known."""
        baselines = self.latest.get("baselines") or {}
        return finite((baselines.get(ZERO_FORECAST) or {}).get("val_rmse"))

    @property
    def test_rows(self) -> float | None:
        """The same of the test outcomes."""
        return finite(self.of_file("scores", "test", ZERO_FORECAST, "rmse"))


def _document(run: TrainingRun, name: str) -> dict[str, Any]:
    """A JSON file of a run; empty where it is not there or cannot be read."""
    try:
        found = json.loads(read_run_file(run, name, most_bytes=MAX_BYTES))
    except (ArtifactNotFound, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

"""Calibration of a finished fit on its validation part, and what it says about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from runs_app.forecasting.evaluation.calibration import (
    Calibration,
    fit_direction,
    fit_scale,
    fit_stretch,
    scaled,
)
from runs_app.forecasting.evaluation.verdict import MODEL
from runs_app.forecasting.progress import advance
from runs_app.forecasting.training.evidence import UNCALIBRATED, Evidence

if TYPE_CHECKING:
    from runs_app.forecasting.evaluation.calibration import DirectionCalibration
    from runs_app.forecasting.training.evidence import Direction


@dataclass(frozen=True)
class Corrections:
    """Of the model, and of its rivals: what one learns from validation the others learn too.

    Otherwise a market that calmed down after the training part would look like an edge.
    """

    model: Calibration
    baselines: dict[str, float]
    """Factor on the scale, by key of ``BASELINES``."""

    def described(self, parameters: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The fitted ``parameters`` of the baselines with their factors."""
        return {
            key: {**values, "validation_scale": self.baselines[key]}
            for key, values in parameters.items()
        }


def calibrate(validation: Evidence) -> Corrections:
    """What the validation part teaches; it is given nothing else."""
    y, horizon = validation.y, validation.horizon_bars
    model = Calibration(
        rows=len(y),
        scale=fit_scale(validation.model, y, horizon_bars=horizon),
        stretch=fit_stretch(validation.model, y, horizon_bars=horizon),
        short=_direction(validation.directions["short"]),
        long=_direction(validation.directions["long"]),
    )
    baselines = {}
    for key, forecast in validation.baselines.items():
        advance()
        baselines[key] = fit_scale(forecast, y, horizon_bars=horizon)
    return Corrections(model, baselines)


def calibrated(evidence: Evidence, corrections: Corrections) -> Evidence:
    """``evidence`` with all forecasts corrected, and the model's as they were under other names."""
    calibration = corrections.model
    corrected = {"short": calibration.short, "long": calibration.long}
    return replace(
        evidence,
        forecasts={
            MODEL: calibration.apply(evidence.model),
            UNCALIBRATED: evidence.model,
            **{
                key: scaled(forecast, corrections.baselines[key])
                for key, forecast in evidence.baselines.items()
            },
        },
        directions={
            name: replace(one, probabilities=corrected[name].apply(one.probabilities))
            for name, one in evidence.directions.items()
        },
        uncalibrated_directions=evidence.directions,
    )


def calibration_lines(corrections: Corrections) -> tuple[str, str]:
    """For the log: the model, and its rivals."""
    calibration, changes = corrections.model, []
    if calibration.scale != 1.0:
        changes.append(f"scale x {calibration.scale:.3f}")
    if any(factor != 1.0 for factor in calibration.stretch):
        factors = ", ".join(f"{factor:.3f}" for factor in calibration.stretch)
        changes.append(f"distances from the median x {factors}")
    for name, one in (("short", calibration.short), ("long", calibration.long)):
        if one.temperature != 1.0:
            changes.append(f"{name} direction at temperature {one.temperature:.2f}")
    found = "; ".join(changes) or "nothing is significantly wrong, so nothing is changed"
    factors = ", ".join(f"{k} {factor:.3f}" for k, factor in corrections.baselines.items())
    return (
        f"Calibration on {calibration.rows:,} validation decisions: {found}",
        f"The baselines' scales are calibrated on the same decisions: x {factors}",
    )


def _direction(one: Direction) -> DirectionCalibration:
    return fit_direction(one.probabilities, one.label, one.prior, horizon_bars=one.horizon_bars)

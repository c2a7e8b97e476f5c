"""Calibration of a finished fit on its validation part, and what it says about it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from runs_app.forecasting.evaluation.calibration import (
    Calibration,
    fit_direction,
    fit_scale,
    fit_stretch,
)
from runs_app.forecasting.evaluation.verdict import MODEL
from runs_app.forecasting.training.evidence import UNCALIBRATED, Evidence

if TYPE_CHECKING:
    from runs_app.forecasting.evaluation.calibration import DirectionCalibration
    from runs_app.forecasting.training.evidence import Direction

LOG = logging.getLogger(__name__)


def calibrate(validation: Evidence) -> Calibration:
    """What the validation part teaches; it is given nothing else."""
    horizon = validation.horizon_bars
    return Calibration(
        rows=len(validation.y),
        scale=fit_scale(validation.model, validation.y, horizon_bars=horizon),
        stretch=fit_stretch(validation.model, validation.y, horizon_bars=horizon),
        short=_direction(validation.directions["short"]),
        long=_direction(validation.directions["long"]),
    )


def calibrated(evidence: Evidence, calibration: Calibration) -> Evidence:
    """``evidence`` with the model's forecasts corrected, and as they were under other names."""
    corrected = {"short": calibration.short, "long": calibration.long}
    return replace(
        evidence,
        forecasts={
            MODEL: calibration.apply(evidence.model),
            UNCALIBRATED: evidence.model,
            **evidence.baselines,
        },
        directions={
            name: replace(one, probabilities=corrected[name].apply(one.probabilities))
            for name, one in evidence.directions.items()
        },
        uncalibrated_directions=evidence.directions,
    )


def calibration_line(calibration: Calibration) -> str:
    """One line for the log."""
    changes = []
    if calibration.scale != 1.0:
        changes.append(f"scale x {calibration.scale:.3f}")
    if any(factor != 1.0 for factor in calibration.stretch):
        factors = ", ".join(f"{factor:.3f}" for factor in calibration.stretch)
        changes.append(f"distances from the median x {factors}")
    for name, one in (("short", calibration.short), ("long", calibration.long)):
        if one.temperature != 1.0:
            changes.append(f"{name} direction at temperature {one.temperature:.2f}")
    found = "; ".join(changes) or "nothing is significantly wrong, so nothing is changed"
    return f"Calibration on {calibration.rows:,} validation decisions: {found}"


def _direction(one: Direction) -> DirectionCalibration:
    return fit_direction(one.probabilities, one.label, one.prior, horizon_bars=one.horizon_bars)

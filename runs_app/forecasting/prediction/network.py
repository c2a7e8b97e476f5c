"""The network with its units and its calibration inside: what is exported to ONNX.

``Calibration.apply`` says the same for arrays; a test holds that both agree.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.evaluation.calibration import DirectionCalibration
from runs_app.forecasting.evaluation.directions import SMALLEST_PROBABILITY
from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS
from runs_app.forecasting.losses.density import LOG_SCALE_FLOOR
from runs_app.forecasting.prediction.model import TrainedModel

_DISTRIBUTION: dict[LossKind, tuple[str, ...]] = {
    LossKind.STUDENT_T: ("location", "scale", "df"),
    LossKind.GAUSSIAN_NLL: ("location", "scale"),
    LossKind.QUANTILE: ("location", "quantiles"),
    LossKind.MSE: ("location",),
}
_MEANINGS = {
    "location": "[batch], the mean; the median of a quantile head",
    "scale": "[batch], standard deviation of a Gaussian, scale parameter of a Student-t",
    "df": "[batch], degrees of freedom",
    "quantiles": f"[batch, {len(QUANTILE_LEVELS)}], at {', '.join(map(str, QUANTILE_LEVELS))}",
    "short_probabilities": "[batch, 3], down, flat, up over the short horizon",
    "long_probabilities": "[batch, 3], down, flat, up over the long horizon",
}
IN_RETURNS = ("location", "scale", "quantiles")
"""Outputs that are log-returns; the others have no unit."""


class CalibratedNetwork(nn.Module):
    """S scaled windows [B, L, F], then K causal volatilities [B, K] (log-return), to forecasts.

    Returns a tuple named by ``output_names``; what each is stands in ``meaning``.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.network = model.network
        self.target_scale = model.target_scale
        self.calibration = model.calibration
        self.output_names = (
            *_DISTRIBUTION[model.config.loss.kind],
            "short_probabilities",
            "long_probabilities",
        )

    @staticmethod
    def meaning(name: str) -> str:
        """Shape and meaning of an output."""
        return _MEANINGS[name]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The S windows, then the volatilities."""
        *windows, volatility = inputs
        forecast = self.network(windows, (volatility / self.target_scale).log())
        location = forecast.location * self.target_scale
        found = {"location": location}
        if forecast.log_scale is not None:
            scale = forecast.log_scale.clamp(min=LOG_SCALE_FLOOR).exp() * self.target_scale
            found["scale"] = scale * (self.calibration.scale if self.calibration else 1.0)
        if forecast.df is not None:
            found["df"] = forecast.df
        if forecast.quantiles is not None:
            found["quantiles"] = self._stretched(forecast.quantiles * self.target_scale, location)
        calibration = self.calibration
        found["short_probabilities"] = _tempered(
            forecast.short_logits, calibration.short if calibration else None
        )
        found["long_probabilities"] = _tempered(
            forecast.long_logits, calibration.long if calibration else None
        )
        return tuple(found[name] for name in self.output_names)

    def _stretched(self, quantiles: Tensor, location: Tensor) -> Tensor:
        if self.calibration is None or not self.calibration.stretch:
            return quantiles
        centre = location.unsqueeze(-1)  # [B, 1]
        factors = torch.tensor(self.calibration.stretch, dtype=quantiles.dtype)
        moved = centre + factors * (quantiles - centre)  # [B, Q]
        return moved.sort(dim=-1).values


def _tempered(logits: Tensor, calibration: DirectionCalibration | None) -> Tensor:
    """Probabilities [B, 3] of ``logits`` [B, 3]."""
    if calibration is None or calibration.temperature == 1.0:
        return torch.softmax(logits, dim=-1)
    share = 1.0 / calibration.temperature
    prior = torch.tensor([math.log(p) for p in calibration.prior], dtype=logits.dtype)
    known = torch.log_softmax(logits, dim=-1).clamp(min=math.log(SMALLEST_PROBABILITY))
    return torch.softmax(share * known + (1.0 - share) * prior, dim=-1)

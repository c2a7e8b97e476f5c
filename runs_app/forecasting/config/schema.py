"""The one definition of a run: every field with its type, default, bounds, unit and reason.

Form, JSON and command line all validate against ``RunConfig``; nothing else states a rule about a
field. This package imports neither torch nor Django, so that the web side may use it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from runs_app.forecasting.config.fields import (
    Accelerator,
    FieldFault,
    Indicator,
    LossKind,
    Precision,
    Section,
    Variant,
)
from runs_app.forecasting.config.inputs import DataConfig, FeaturesConfig, HorizonsConfig
from runs_app.forecasting.config.judging import CostsConfig
from runs_app.forecasting.config.learning import LossConfig, LossWeights, ModelConfig, TrainConfig
from runs_app.forecasting.config.timeframes import duration_seconds

__all__ = (
    "Accelerator",
    "CostsConfig",
    "DataConfig",
    "FeaturesConfig",
    "FieldFault",
    "HorizonsConfig",
    "Indicator",
    "LossConfig",
    "LossKind",
    "LossWeights",
    "ModelConfig",
    "Precision",
    "RunConfig",
    "Section",
    "TrainConfig",
    "Variant",
)


class RunConfig(Section):
    """Everything a run is made of."""

    data: DataConfig
    features: FeaturesConfig = Field(default_factory=FeaturesConfig)
    horizons: HorizonsConfig = Field(default_factory=HorizonsConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    loss: LossConfig = Field(default_factory=LossConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    costs: CostsConfig = Field(default_factory=CostsConfig)

    @model_validator(mode="after")
    def _check(self) -> Self:
        bar = self.data.decision_timeframe
        bar_seconds = duration_seconds(bar)
        for name in ("short", "long"):
            value = getattr(self.horizons, name)
            seconds = duration_seconds(value)
            if seconds < bar_seconds:
                raise FieldFault(
                    f"horizons.{name}", f"{value} is shorter than the decision bar of {bar}"
                )
            if seconds % bar_seconds:
                raise FieldFault(f"horizons.{name}", f"{value} is not a whole number of {bar} bars")
        return self

    @property
    def longest_outcome(self) -> timedelta:
        """Time after a decision until all that it forecasts is known."""
        bar = duration_seconds(self.data.decision_timeframe)
        longest = max(
            self.horizons.next_bars * bar,
            duration_seconds(self.horizons.short),
            duration_seconds(self.horizons.long),
        )
        return timedelta(seconds=longest)

    @property
    def purge(self) -> timedelta:
        """Time left out between the parts: the longest label, the entry bar, and the embargo."""
        bar = duration_seconds(self.data.decision_timeframe)
        return self.longest_outcome + timedelta(seconds=bar + duration_seconds(self.data.embargo))

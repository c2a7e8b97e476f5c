"""How much room on the disk a run takes, told before it is started. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from runs_app.forecasting.config.schema import Precision, RunConfig
from runs_app.forecasting.config.timeframes import duration_seconds

USUAL_FEATURES = 19
"""Features per timeframe with the default indicators and the calendar."""

BYTES_PER_PARAMETER = 12.5
"""In a checkpoint: the float32 weight, the two float32 moments of AdamW, and what is around."""

CHECKPOINT_BYTES = 64_000
"""What a checkpoint holds besides: configuration, scalers, states of the random generators."""

BESIDES = 2
"""Checkpoint files beside the kept epochs: the best, and the last inside an epoch."""

TRAINED_BYTES_PER_PARAMETER = 16
"""Weight, gradient and AdamW's two moments in float32."""

KEPT_PER_LAYER = 8
"""Tensors as wide as the tokens that a layer keeps at least for the way back: its two inputs,
query, key, value, and the hidden layer, which counts four."""

ROW_BYTES = 165
"""Of one decision in predictions.parquet."""

STEP_BYTES, EPOCH_BYTES = 300, 4_000
"""Of a reported step, and of an epoch with its validation: events, console and summary."""

FILE_BYTES = 200_000
"""Report, configuration and the like."""


@dataclass(frozen=True)
class Footprint:
    """Bytes on disk of one run at its largest."""

    checkpoint: int
    """One checkpoint file."""
    checkpoints: int
    """How many of them there are at most."""
    others: int
    """Predictions, events, console and reports."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.checkpoint * self.checkpoints + self.others

    def with_checkpoints_of(self, size: int) -> Footprint:
        """The same where a real checkpoint has so many bytes."""
        return replace(self, checkpoint=size)


def about_parameters(*, width: int, layers: int, patch: int, timeframes: int) -> int:
    """Parameters of the network, within a few per cent: its large matrices, without the biases.

    An encoder layer has 12 width², and one more layer fuses the timeframes. The rest is the patch
    embeddings and the way past the encoders, for ``USUAL_FEATURES`` per timeframe.
    """
    layers_in_all = layers * timeframes + 1
    embedded = USUAL_FEATURES * timeframes * (patch + 1)
    return 12 * width * width * layers_in_all + width * (width + embedded)


def checkpoint_bytes(parameters: int) -> int:
    """Size of a checkpoint of a network, within ten per cent."""
    return round(BYTES_PER_PARAMETER * parameters) + CHECKPOINT_BYTES


def training_bytes(parameters: int) -> int:
    """Memory that the network itself takes while it is trained."""
    return TRAINED_BYTES_PER_PARAMETER * parameters


def bytes_per_window(config: RunConfig, features: Sequence[int]) -> int:
    """Memory that a window of a batch takes at least; ``features``: of each timeframe."""
    model = config.model
    tokens = (model.context_bars - model.patch_length) // model.patch_stride + 1
    number = 2 if config.train.precision is Precision.BF16_MIXED else 4
    kept = len(features) * model.layers * KEPT_PER_LAYER * tokens * model.d_model * number
    return kept + 4 * model.context_bars * sum(features)


def about_features(config: RunConfig) -> list[int]:
    """Features of each timeframe, about."""
    return [USUAL_FEATURES] * len(config.data.timeframes)


def steps_of_epoch(config: RunConfig, *, bars: int, bar_seconds: int) -> int:
    """Optimizer steps of an epoch on candles of so many bars, about."""
    decisions = bars * bar_seconds / duration_seconds(config.data.decision_timeframe)
    steps = math.ceil(decisions * config.data.train_fraction / config.train.windows_per_step)
    most = config.train.steps_per_epoch
    return steps if most is None else min(steps, most)


def footprint(config: RunConfig, *, bars: int, bar_seconds: int) -> Footprint:
    """What a run of this configuration takes on candles of so many bars, at most about."""
    parameters = about_parameters(
        width=config.model.d_model,
        layers=config.model.layers,
        patch=config.model.patch_length,
        timeframes=len(config.data.timeframes),
    )
    decisions = bars * bar_seconds / duration_seconds(config.data.decision_timeframe)
    learnt = decisions * config.data.train_fraction
    steps = steps_of_epoch(config, bars=bars, bar_seconds=bar_seconds)
    reported = steps / config.train.log_every_steps
    others = (
        FILE_BYTES
        + ROW_BYTES * (decisions - learnt)
        + config.train.max_epochs * (EPOCH_BYTES + STEP_BYTES * reported)
    )
    return Footprint(
        checkpoint=checkpoint_bytes(parameters),
        checkpoints=min(config.train.keep_checkpoints, config.train.max_epochs) + BESIDES,
        others=round(others),
    )

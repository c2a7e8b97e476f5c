"""The one definition of a run: every field with its type, default, bounds, unit and reason.

Form, JSON and command line all validate against ``RunConfig``; nothing else states a rule about a
field. The module imports neither torch nor Django, so that the web side may use it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from runs_app.forecasting.config.timeframes import TIMEFRAMES, duration_seconds


class FieldFault(ValueError):
    """A cross-field rule is broken; ``field`` is the path, relative to the part that raised it."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class Indicator(StrEnum):
    """Technical indicators that can be switched on; computed by TA-Lib and made scale-free."""

    RSI = "rsi"
    MACD = "macd"
    ATR = "atr"
    BB = "bb"
    EMA = "ema"
    SMA = "sma"
    OBV = "obv"


class Variant(StrEnum):
    """Names of the network presets in ``configs/model``."""

    TINY = "tiny"
    BASE = "base"
    MEDIUM = "medium"
    LARGE = "large"


class LossKind(StrEnum):
    """What the distribution head predicts and how it is scored."""

    GAUSSIAN_NLL = "gaussian_nll"
    STUDENT_T = "student_t"
    QUANTILE = "quantile"
    MSE = "mse"


class Accelerator(StrEnum):
    """Where to train; ``auto`` takes a GPU when one is there."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class Precision(StrEnum):
    """Arithmetic of the network; the loss is always computed in float32."""

    FLOAT32 = "32-true"
    BF16_MIXED = "bf16-mixed"


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _utc(value: Any) -> Any:
    """Read a date or an instant; one without a zone is meant as UTC."""
    if value == "":
        return None
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        value = f"{value}T00:00:00+00:00"
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(
                "must be a date such as 2024-01-31 or an ISO instant such as 2024-01-31T12:00:00Z"
            ) from None
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    return value


def _timeframe(value: Any) -> Any:
    if not isinstance(value, str) or value not in TIMEFRAMES:
        raise ValueError(f"{value!r} is not a timeframe; choose from {', '.join(TIMEFRAMES)}")
    return value


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        duration_seconds(value)  # its ValueError is the message
    return value


Timeframe = Annotated[str, BeforeValidator(_timeframe)]
Duration = Annotated[str, BeforeValidator(_duration)]
UtcInstant = Annotated[datetime, BeforeValidator(_utc)]


class Section(BaseModel):
    """Base of all parts: immutable, unknown keys refused, non-finite numbers refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


class DataConfig(Section):
    """Which candles, which timeframes, and how time is cut into train, validation and test."""

    source: str = Field(
        min_length=1,
        max_length=500,
        title="Data source",
        description="A data set's name, or the path of a candle file inside DATA_ROOT.",
    )
    timeframes: Annotated[tuple[Timeframe, ...], BeforeValidator(_as_tuple)] = Field(
        default=("1m", "15m", "1h"),
        min_length=1,
        max_length=8,
        title="Timeframes",
        description="The smallest is the decision timeframe; the others give context. Each is "
        "resampled from the file, so none may be smaller than the file's own bars.",
    )
    start: UtcInstant | None = Field(
        default=None,
        title="Start date",
        description="First candle used (UTC, inclusive). Empty: from the first candle of the file.",
    )
    end: UtcInstant | None = Field(
        default=None,
        title="End date",
        description="Candles opening before this instant are used (UTC, exclusive). Empty: to the "
        "last candle.",
    )
    repair: bool = Field(
        default=False,
        title="Repair faulty rows",
        description="Off: a duplicate, unreadable or inconsistent row stops the run and is named. "
        "On: such rows are removed, and the log says how many and why.",
    )
    train_fraction: float = Field(
        default=0.7, ge=0.3, le=0.9, title="Train fraction",
        description="Share of the time span used for training.",
    )
    validation_fraction: float = Field(
        default=0.15, ge=0.05, le=0.4, title="Validation fraction",
        description="Share of the time span used for validation; the rest is the test.",
    )
    embargo: Duration = Field(
        default="0m", title="Embargo",
        description="Extra time left out between the parts, beyond the purge of the longest "
        "horizon. A number and m, h, d or w.",
    )
    max_gap_bars: int = Field(
        default=5, ge=0, le=10_000, title="Longest gap in a label (bars)",
        description="A label that spans a hole of more than this many decision bars is not used, "
        "because its price would be invented.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.timeframes)) != len(self.timeframes):
            raise FieldFault("timeframes", "names a timeframe twice; each may appear once")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise FieldFault("end", f"must be after the start date {self.start:%Y-%m-%d %H:%M} UTC")
        if self.train_fraction + self.validation_fraction > 0.95:
            raise FieldFault(
                "validation_fraction",
                "leaves less than 5 % of the span for the test; lower it or the train fraction",
            )
        return self

    @property
    def ordered_timeframes(self) -> tuple[str, ...]:
        """Timeframes from the shortest to the longest bar; the first is the decision timeframe."""
        return tuple(sorted(self.timeframes, key=duration_seconds))

    @property
    def decision_timeframe(self) -> str:
        """The shortest timeframe: a decision can be made at the close of each of its bars."""
        return self.ordered_timeframes[0]


class FeaturesConfig(Section):
    """What the network sees of each timeframe, besides returns and volatility (always on)."""

    indicators: Annotated[tuple[Indicator, ...], BeforeValidator(_as_tuple)] = Field(
        default=(Indicator.RSI, Indicator.MACD, Indicator.ATR, Indicator.BB),
        title="Technical indicators",
        description="Each is divided by price or range, so that it means the same at any price.",
    )
    calendar: bool = Field(
        default=True,
        title="Calendar features",
        description="Hour of day and day of week of the bar's close, as sine and cosine (UTC).",
    )

    @model_validator(mode="before")
    @classmethod
    def _spelling(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("indicators"), (list, tuple)):
            value = {**value, "indicators": tuple(_lower(item) for item in value["indicators"])}
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.indicators)) != len(self.indicators):
            raise FieldFault("indicators", "names an indicator twice; each may appear once")
        return self


class HorizonsConfig(Section):
    """What is predicted: a distribution over the next bars, and two directions."""

    next_bars: int = Field(
        default=1, ge=1, le=1000, title="Next horizon (bars)",
        description="The log-return over this many decision bars gets a whole distribution.",
    )
    short: Duration = Field(
        default="30m", title="Short-term horizon",
        description="Down, flat or up over this time. A number and m, h, d or w, such as 30m.",
    )
    long: Duration = Field(
        default="1w", title="Long-term horizon",
        description="Down, flat or up over this time; longer than the short horizon.",
    )
    short_threshold_bps: float = Field(
        default=10.0, ge=0.0, le=5000.0, title="Short flat threshold (bp)",
        description="A move within plus or minus this counts as flat. 100 basis points are 1 %.",
    )
    long_threshold_bps: float = Field(
        default=100.0, ge=0.0, le=5000.0, title="Long flat threshold (bp)",
        description="A move within plus or minus this counts as flat. 100 basis points are 1 %.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("short", "long"):
            if duration_seconds(getattr(self, name)) <= 0:
                raise FieldFault(name, "must be longer than zero")
        if duration_seconds(self.long) <= duration_seconds(self.short):
            raise FieldFault("long", f"must be longer than the short horizon ({self.short})")
        return self


class ModelConfig(Section):
    """The network: one patch transformer encoder per timeframe, fused across timeframes."""

    variant: Variant = Field(
        default=Variant.BASE, title="Preset",
        description="The preset these values started from.",
    )
    d_model: int = Field(
        default=256, ge=8, le=2048, title="Width (d_model)",
        description="Width of every token; a multiple of the number of heads.",
    )
    layers: int = Field(
        default=2, ge=1, le=24, title="Layers", description="Encoder layers per timeframe."
    )
    heads: int = Field(
        default=8, ge=1, le=64, title="Attention heads", description="Must divide the width."
    )
    context_bars: int = Field(
        default=96, ge=8, le=4096, title="Context (bars)",
        description="How many closed bars of each timeframe the network sees at a decision.",
    )
    patch_length: int = Field(
        default=8, ge=1, le=256, title="Patch length (bars)",
        description="Bars that are embedded as one token.",
    )
    patch_stride: int = Field(
        default=8, ge=1, le=256, title="Patch stride (bars)",
        description="Bars from one patch to the next; at most the patch length.",
    )
    dropout: float = Field(
        default=0.1, ge=0.0, le=0.9, title="Dropout", description="Share of activations dropped."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.d_model % self.heads:
            raise FieldFault(
                "d_model", f"{self.d_model} is not divisible by the {self.heads} attention heads"
            )
        if self.patch_length > self.context_bars:
            raise FieldFault(
                "patch_length", f"must not exceed the context of {self.context_bars} bars"
            )
        if self.patch_stride > self.patch_length:
            raise FieldFault(
                "patch_stride",
                f"must not exceed the patch length of {self.patch_length} bars, or bars are skipped",
            )
        return self


class LossWeights(Section):
    """How much each head counts in the training loss."""

    next: float = Field(
        default=1.0, ge=0.0, le=100.0, title="Weight of the return distribution",
        description="Weight of the distribution loss over the next bars.",
    )
    short: float = Field(
        default=0.1, ge=0.0, le=100.0, title="Weight of the short direction",
        description="Weight of the cross-entropy of the short-term direction.",
    )
    long: float = Field(
        default=0.1, ge=0.0, le=100.0, title="Weight of the long direction",
        description="Weight of the cross-entropy of the long-term direction.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.next + self.short + self.long <= 0:
            raise FieldFault("next", "at least one loss weight must be above zero")
        return self


class LossConfig(Section):
    """The training loss."""

    kind: LossKind = Field(
        default=LossKind.STUDENT_T, title="Regression loss",
        description="Which distribution of the next return is learnt, and by which score.",
    )
    weights: LossWeights = Field(default_factory=LossWeights)


class TrainConfig(Section):
    """How the network is fitted."""

    max_epochs: int = Field(
        default=100, ge=1, le=10_000, title="Max epochs",
        description="Passes over the training part; fewer when early stopping ends the run.",
    )
    batch_size: int = Field(
        default=32, ge=1, le=65_536, title="Batch size",
        description="Windows per optimizer step.",
    )
    learning_rate: float = Field(
        default=2e-4, gt=0.0, le=1.0, title="Learning rate",
        description="Peak step size of AdamW, reached after warm-up.",
    )
    weight_decay: float = Field(
        default=0.01, ge=0.0, le=1.0, title="Weight decay",
        description="Decoupled weight decay of AdamW.",
    )
    warmup_steps: int = Field(
        default=100, ge=0, le=1_000_000, title="Warm-up (steps)",
        description="Optimizer steps over which the learning rate rises linearly from zero.",
    )
    gradient_clip: float = Field(
        default=1.0, gt=0.0, le=1000.0, title="Gradient clip (norm)",
        description="Gradients with a larger L2 norm are scaled down to it.",
    )
    early_stopping_patience: int = Field(
        default=8, ge=0, le=10_000, title="Early stopping (epochs)",
        description="Stop after this many epochs without a lower validation loss; 0 switches it off.",
    )
    steps_per_epoch: int | None = Field(
        default=None, ge=1, le=10_000_000, title="Steps per epoch",
        description="At most this many optimizer steps per epoch; empty means every window.",
    )
    checkpoint_every_epochs: int = Field(
        default=1, ge=1, le=10_000, title="Checkpoint every (epochs)",
        description="How often a checkpoint is written, besides the best and the last.",
    )
    keep_checkpoints: int = Field(
        default=3, ge=1, le=1000, title="Checkpoints kept",
        description="Epoch checkpoints kept on disk, besides the best and the last.",
    )
    log_every_steps: int = Field(
        default=10, ge=1, le=100_000, title="Metric every (steps)",
        description="How often a training step reports its loss.",
    )
    seed: int = Field(
        default=7, ge=0, le=2**31 - 1, title="Seed",
        description="Seed of weights, order of windows and dropout.",
    )
    accelerator: Accelerator = Field(
        default=Accelerator.AUTO, title="Accelerator",
        description="Auto takes a GPU when one is there, else the CPU.",
    )
    precision: Precision = Field(
        default=Precision.FLOAT32, title="Precision",
        description="bf16-mixed is faster on recent GPUs; the loss stays in float32.",
    )


class RunConfig(Section):
    """Everything a run is made of."""

    data: DataConfig
    features: FeaturesConfig = Field(default_factory=FeaturesConfig)
    horizons: HorizonsConfig = Field(default_factory=HorizonsConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    loss: LossConfig = Field(default_factory=LossConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)

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
                raise FieldFault(
                    f"horizons.{name}", f"{value} is not a whole number of {bar} bars"
                )
        return self

    @property
    def purge(self) -> timedelta:
        """Time left out between the parts: the longest label, the entry bar, and the embargo."""
        bar = duration_seconds(self.data.decision_timeframe)
        longest = max(
            self.horizons.next_bars * bar,
            duration_seconds(self.horizons.short),
            duration_seconds(self.horizons.long),
        )
        return timedelta(seconds=longest + bar + duration_seconds(self.data.embargo))

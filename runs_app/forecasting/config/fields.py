"""Types that the parts of a run's configuration share: choices, durations, instants, faults."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

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


def lower(value: Any) -> Any:
    """Lower-case text; anything else as it is."""
    return value.lower() if isinstance(value, str) else value


def as_tuple(value: Any) -> Any:
    """A tuple of a list, so that frozen parts hold no lists; anything else as it is."""
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
    if isinstance(value, (int, float)):  # 20240131 would be taken for seconds since 1970
        raise ValueError("must be a date such as 2024-01-31, written as text")
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

"""What the builder draws of a draft: made by the core in a process of its own, kept by content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import cache
from pydantic import BaseModel

from runs_app.execution.core_process import Command, CoreFailed, ask_core
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.forecasting.preview.documents import FeaturePreview, LossShapes, SplitPreview
from runs_app.services.datasets import refresh_one
from runs_app.services.launch import SOURCE, resolve

KEPT_SECONDS = 3600
SECONDS = 120.0
MEMORY_BYTES = 4 * 1024**3
"""Of the process that draws: 2.6 million candles in several timeframes."""

Document = TypeVar("Document", bound=BaseModel)


def split_preview(payload: Any) -> SplitPreview:
    """Parts, shares and an example on the price chart. Each raises ``ConfigInvalid``."""
    config, _ = resolve(payload)
    hangs_on = (config.data, config.horizons, config.model.context_bars)
    return _asked(SplitPreview, "runs_app.forecasting.preview", "split", config, hangs_on)


def feature_preview(payload: Any) -> FeaturePreview:
    """Every input over the last bars of each timeframe."""
    config, _ = resolve(payload)
    hangs_on = (config.data, config.features)
    return _asked(FeaturePreview, "runs_app.forecasting.preview", "features", config, hangs_on)


def loss_shapes(payload: Any) -> LossShapes:
    """The returns of the training part, and what each loss makes of them."""
    config, _ = resolve(payload)
    hangs_on = (config.data, config.horizons, config.model.context_bars)
    module = "runs_app.forecasting.preview.losses"
    return _asked(LossShapes, module, "losses", config, hangs_on)


def _asked(
    kind: type[Document], module: str, what: str, config: RunConfig, hangs_on: tuple[Any, ...]
) -> Document:
    key = _key(what, config, hangs_on)
    found = cache.get(key)
    if found is not None:
        return kind.model_validate_json(found)
    root, store = Path(settings.DATA_ROOT).resolve(), Path(settings.DATASETS_ROOT)
    arguments = (what, config.model_dump_json(), str(root), str(store))
    try:
        answer = ask_core(Command(module, arguments, SECONDS, MEMORY_BYTES))
    except CoreFailed as error:
        raise ConfigInvalid([FieldError(SOURCE, str(error))]) from error
    document = kind.model_validate(answer)
    cache.set(key, document.model_dump_json(), KEPT_SECONDS)
    return document


def _key(what: str, config: RunConfig, hangs_on: tuple[Any, ...]) -> str:
    """Everything the answer hangs on: the candles, and the parts of the configuration."""
    parts = [
        part.model_dump_json() if isinstance(part, BaseModel) else str(part) for part in hangs_on
    ]
    known = "\0".join((refresh_one(config.data.source).source_sha256, *parts))
    return f"preview-{what}-{hashlib.sha256(known.encode()).hexdigest()}"

"""The row ledger of a request: which rows a run would use, before it is started."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.cache import cache

from runs_app.execution.core_process import CoreFailed
from runs_app.execution.intake import count_rows
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.services.datasets import refresh_one
from runs_app.services.launch import SOURCE, resolve

KEPT_SECONDS = 3600


def rows_of(payload: Any) -> RowLedger:
    """The ledger of a request, as a run made from it would have it. Raises ``ConfigInvalid``."""
    config, _ = resolve(payload)
    key = _key(config)
    found = cache.get(key)
    if found is not None:
        return RowLedger.model_validate(found)
    try:
        ledger = count_rows(config)
    except CoreFailed as error:
        raise ConfigInvalid([FieldError(SOURCE, str(error))]) from error
    cache.set(key, ledger.model_dump(mode="json"), KEPT_SECONDS)
    return ledger


def _key(config: RunConfig) -> str:
    """Everything the ledger hangs on: the candles, and what cuts them."""
    parts = (
        refresh_one(config.data.source).source_sha256,
        config.data.model_dump_json(),
        config.horizons.model_dump_json(),
        str(config.model.context_bars),
    )
    return "rows-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()

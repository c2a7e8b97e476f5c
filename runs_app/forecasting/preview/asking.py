"""The command line that the preview programs share: a configuration in, one JSON object out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel

from runs_app.forecasting.config.document import validate
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.candles import Candles
from runs_app.forecasting.data.inspect import check_against, facts_of
from runs_app.forecasting.data.ledger import chosen_time
from runs_app.forecasting.data.loading import load_candles
from runs_app.forecasting.data.source import source_path
from runs_app.forecasting.errors import ConfigInvalid, DataInvalid

Preview = Callable[[RunConfig, Candles], BaseModel]


def answer(previews: Mapping[str, Preview], arguments: list[str] | None = None) -> int:
    """Make the preview that the first argument names; the exit status, 1 for a refusal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=sorted(previews))
    parser.add_argument("config", help="a resolved RunConfig as JSON")
    parser.add_argument("data_root", type=Path)
    parser.add_argument("store", type=Path)
    options = parser.parse_args(arguments)
    try:
        config = validate(json.loads(options.config))
        candles = _candles(config, options.data_root, options.store)
        found = previews[options.what](config, candles)
    except (DataInvalid, ConfigInvalid) as error:
        return _refuse(str(error))
    except MemoryError:
        return _refuse("there is too little memory for the preview; choose a shorter time")
    sys.stdout.write(found.model_dump_json() + "\n")
    return 0


def _candles(config: RunConfig, data_root: Path, store: Path) -> Candles:
    loaded = load_candles(
        source_path(config.data.source, data_root),
        repair=config.data.repair,
        reading=config.data.reading,
        store=store,
    )
    if errors := check_against(config, facts_of(loaded.candles)):
        raise ConfigInvalid(errors)
    return chosen_time(config, loaded.candles)


def _refuse(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1

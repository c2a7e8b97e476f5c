"""``python -m runs_app.forecasting.data.intake``: read candle files in a process of their own.

A file may be damaged, hostile or huge. Whoever wants it read starts this process with limits, and
its death is an ordinary result. One JSON object on standard output is the answer; exit status 1
and a sentence on standard error are a refusal.

``examine PATH`` answers with the report of a file. ``import PATH STORE`` imports it and answers
with the record. ``ledger CONFIG DATA_ROOT STORE`` answers with the row ledger of a configuration
(JSON).
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel

from runs_app.forecasting.config.document import validate
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder, Reading
from runs_app.forecasting.data.examine import examine
from runs_app.forecasting.data.inspect import check_against, facts_of
from runs_app.forecasting.data.ledger import ledger_of
from runs_app.forecasting.data.ledger_rows import RowLedger
from runs_app.forecasting.data.loading import import_file, load_candles
from runs_app.forecasting.data.source import source_path
from runs_app.forecasting.errors import ConfigInvalid, DataInvalid

OOM_SCORE = 700
"""Where memory runs out, the kernel should take a parser before a trainer."""


def main(arguments: list[str] | None = None) -> int:
    """Do what the arguments say; the exit status."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
    try:
        answer = _answer(_options(arguments))
    except (DataInvalid, ConfigInvalid) as error:
        return _refuse(str(error))
    except (MemoryError, pa.ArrowMemoryError):
        return _refuse("there is too little memory to read it; split the file by time")
    except OSError as error:
        return _refuse(f"it cannot be imported: {error.strerror}")
    print(answer.model_dump_json())
    return 0


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m runs_app.forecasting.data.intake")
    parser.add_argument("--date-order", type=DateOrder, default=DateOrder.AUTO)
    parser.add_argument("--column-order", type=ColumnOrder, default=ColumnOrder.AUTO)
    orders = parser.add_subparsers(dest="order", required=True)
    orders.add_parser("examine").add_argument("path", type=Path)
    importing = orders.add_parser("import")
    importing.add_argument("path", type=Path)
    importing.add_argument("store", type=Path)
    ledger = orders.add_parser("ledger")
    ledger.add_argument("config", help="a resolved RunConfig as JSON")
    ledger.add_argument("data_root", type=Path)
    ledger.add_argument("store", type=Path)
    return parser.parse_args(arguments)


def _answer(options: argparse.Namespace) -> BaseModel:
    reading = Reading(options.date_order, options.column_order)
    if options.order == "examine":
        return examine(options.path, reading).report
    if options.order == "import":
        return import_file(options.path, options.store, reading)
    return _ledger(options)


def _ledger(options: argparse.Namespace) -> RowLedger:
    config = validate(json.loads(options.config))
    loaded = load_candles(
        source_path(config.data.source, options.data_root),
        repair=config.data.repair,
        reading=config.data.reading,
        store=options.store,
    )
    errors = check_against(config, facts_of(loaded.candles))
    if errors:
        raise ConfigInvalid(errors)
    return ledger_of(config, loaded.candles)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m runs_app.forecasting.prediction``: forecast with a checkpoint, or export it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from runs_app.forecasting.data.candles import read_candles
from runs_app.forecasting.errors import DISK_FULL, ForecastingError, is_disk_full
from runs_app.forecasting.events import EXIT_CODES, Reason
from runs_app.forecasting.prediction.export import export_model
from runs_app.forecasting.prediction.forecast import predict, write_prediction
from runs_app.forecasting.prediction.inputs import MAX_DECISIONS, utc_now
from runs_app.forecasting.prediction.model import load_model
from runs_app.forecasting.training.device import use_available_cores


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; one line of JSON to stdout, or one sentence to stderr."""
    options = _parser().parse_args(arguments)
    try:
        facts = options.action(options)
    except ForecastingError as error:
        print(error, file=sys.stderr)
        return EXIT_CODES[Reason.DATA]
    except OSError as error:
        if is_disk_full(error):
            print(DISK_FULL, file=sys.stderr)
            return EXIT_CODES[Reason.DISK_FULL]
        print(f"{error.filename or options.out}: {error.strerror}", file=sys.stderr)
        return EXIT_CODES[Reason.DATA]
    print(json.dumps(facts))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runs_app.forecasting.prediction",
        description="Forecast with a trained model, or write it in forms other programs read.",
        epilog="Exit status: 0 done, 12 candles, checkpoint or file at fault, "
        "15 disk full, 2 wrong arguments.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    newest = actions.add_parser("predict", help="the newest closed candles in, forecasts out")
    newest.set_defaults(action=_predict)
    newest.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    newest.add_argument("candles", type=Path, metavar="CANDLES", help="any readable candle file")
    newest.add_argument("--out", type=Path, required=True, metavar="FILE.parquet")
    newest.add_argument(
        "--last", type=_count, default=1, metavar="N", help="newest decisions (default: 1)"
    )
    newest.add_argument("--repair", action="store_true", help="leave faulty rows out")
    newest.add_argument(
        "--now",
        type=_instant,
        default=None,
        metavar="TIME",
        help="forecast as of this instant, ISO 8601 (default: the present); later candles are "
        "left out",
    )
    export = actions.add_parser("export", help="safetensors with its configuration, and ONNX")
    export.set_defaults(action=_export)
    export.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    export.add_argument("out", type=Path, metavar="FOLDER")
    return parser


def _predict(options: argparse.Namespace) -> dict[str, object]:
    model = load_model(options.checkpoint)
    data = model.config.data
    candles, notes = read_candles(
        options.candles, repair=options.repair or data.repair, reading=data.reading
    )
    written_at = datetime.fromtimestamp(options.candles.stat().st_mtime, UTC)
    now = options.now or utc_now()
    prediction = predict(model, candles, last=options.last, now=now, written_at=written_at)
    digest = write_prediction(options.out, prediction)
    return {
        "rows": prediction.table.num_rows,
        "sha256": digest,
        "chart": prediction.chart,
        "notes": [*notes, *prediction.notes],
    }


def _export(options: argparse.Namespace) -> dict[str, object]:
    return export_model(load_model(options.checkpoint), options.out)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DECISIONS:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {MAX_DECISIONS:,}")
    return int(text)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is no ISO 8601 time, such as 2024-01-31T12:00Z"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


if __name__ == "__main__":
    use_available_cores()
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # unloading torch would take seconds on a busy machine

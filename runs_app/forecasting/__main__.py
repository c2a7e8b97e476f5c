"""``python -m runs_app.forecasting RUN_DIR``: train a run from a shell."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from runs_app.forecasting.events import CONFIG_FILE
from runs_app.forecasting.training.fit import run


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, train, and return the exit status (``events.EXIT_CODES``)."""
    parser = argparse.ArgumentParser(
        prog="python -m runs_app.forecasting",
        description="Train a forecaster from RUN_DIR/config.yaml. Writes events.jsonl, "
        "checkpoints, metrics.json and predictions.parquet into RUN_DIR. SIGTERM or Ctrl-C ends "
        "it after the running batch, with a checkpoint.",
        epilog="Exit status: 0 completed, 10 cancelled, 11 configuration, 12 data, 13 out of "
        "memory, 14 non-finite loss, 15 disk full, 17 another trainer works in RUN_DIR, 1 anything "
        "else.",
    )
    parser.add_argument(
        "run_dir", metavar="RUN_DIR", type=Path, help=f"folder that holds {CONFIG_FILE}"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest checkpoint in RUN_DIR, if there is one (default: start over)",
    )
    parser.add_argument(
        "--data-root",
        type=Path,
        default=Path(os.environ.get("DATA_ROOT") or "data"),
        help="where a relative data.source is looked up (default: $DATA_ROOT, else data)",
    )
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=sys.stderr.isatty(),
        help="show a progress bar (default: only on a terminal)",
    )
    options = parser.parse_args(arguments)
    if not options.run_dir.is_dir():
        parser.error(f"{options.run_dir} is no folder; give the folder that holds {CONFIG_FILE}")
    return run(
        options.run_dir, options.data_root, progress=options.progress, resuming=options.resume
    )


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # All files are on the disk; unloading torch would take seconds on a busy machine.
    os._exit(status)

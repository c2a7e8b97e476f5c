"""``python -m runs_app.forecasting RUN_DIR``: train a run from a shell."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.events import CONFIG_FILE
from runs_app.forecasting.training.fit import read_config, run
from runs_app.forecasting.training.following import follow
from runs_app.forecasting.training.group import is_inside, join
from runs_app.forecasting.training.launch import launch


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
    parser.add_argument("--attempt", type=int, default=0, help=argparse.SUPPRESS)
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
    where = options.run_dir, options.data_root
    how = {
        "progress": options.progress,
        "resuming": options.resume,
        "attempt": options.attempt,
    }
    if is_inside():
        ranks = join()
        return run(*where, **how, ranks=ranks) if ranks.leads else follow(*where, ranks)
    if (processes := _devices(options.run_dir)) > 1:
        return launch(*where, **how, processes=processes)
    return run(*where, **how)


def _devices(run_dir: Path) -> int:
    """How many the run wants; 1 where its configuration cannot say, as the fit then tells."""
    try:
        return read_config(run_dir).train.devices
    except ConfigInvalid:
        return 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # All files are on the disk; unloading torch would take seconds on a busy machine.
    os._exit(status)

"""``python -m runs_app.forecasting.training.check_command``: leak checks without a run.

The last line on stdout is one JSON object: a ``LeakCheck``, or ``{"fields": {...}}`` where the
configuration is at fault; the sentence is then the last line on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.data.prepare import prepare
from runs_app.forecasting.events import EXIT_CODES, Reason
from runs_app.forecasting.training.device import use_available_cores
from runs_app.forecasting.training.failures import explain
from runs_app.forecasting.training.leak_check import check_leaks


def main(arguments: list[str] | None = None) -> int:
    """Prepare the data as a run would, check, print; returns an exit status of ``EXIT_CODES``.

    0 means that the checks were made, whether they passed or not.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="a resolved configuration as YAML or JSON text")
    parser.add_argument("--data-root", type=Path, required=True)
    options = parser.parse_args(arguments)
    use_available_cores()
    try:
        config = from_yaml(options.config)
        found = check_leaks(config, prepare(config, options.data_root), check_stop=_go_on)
    except Exception as error:  # noqa: BLE001 - every fault becomes a reason and a sentence
        failure = explain(error)
        sys.stdout.write(json.dumps({"fields": failure.fields}) + "\n")
        sys.stderr.write(" ".join(failure.message.split()) + "\n")
        return EXIT_CODES.get(failure.reason, EXIT_CODES[Reason.BUG])
    sys.stdout.write(found.model_dump_json() + "\n")
    return EXIT_CODES[Reason.COMPLETED]


def _go_on() -> None:
    """Nobody asks this process to stop: it is ended, and has nothing to save."""


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # unloading torch would take seconds on a busy machine

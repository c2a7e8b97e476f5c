"""``python -m runs_app.forecasting.training.rehearse_command``: a dress rehearsal of a run.

Each line on stdout is a JSON object: ``{"phase": "..."}`` while it lasts, at the end a
``Rehearsal``, or the failure that the run would have had; its sentence is then the last line on
stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.events import EXIT_CODES, Reason
from runs_app.forecasting.training.failures import explain
from runs_app.forecasting.training.rehearsal import rehearse


def main(arguments: list[str] | None = None) -> int:
    """Rehearse, print; returns an exit status of ``EXIT_CODES``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="a resolved configuration as YAML or JSON text")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder")
    options = parser.parse_args(arguments)
    try:
        config = from_yaml(options.config)
        found = rehearse(config, options.data_root, options.folder, say=_say)
    except Exception as error:  # noqa: BLE001 - every fault becomes a reason and a sentence
        failure = explain(error)
        _print({"failure": failure._asdict()})
        if failure.reason == Reason.BUG:
            traceback.print_exc()
        sys.stderr.write(" ".join(failure.message.split()) + "\n")
        return EXIT_CODES.get(failure.reason, EXIT_CODES[Reason.BUG])
    _print(found.model_dump(mode="json"))
    return EXIT_CODES[Reason.COMPLETED]


def _say(phase: str) -> None:
    _print({"phase": phase})


def _print(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # unloading torch would take seconds on a busy machine

"""Checkpoints that a user wants kept: ``RUN_DIR/pins.json``, a list of paths in the run directory.

The web side writes it, also while the run trains; the trainer reads it before it removes a
checkpoint. No torch, no Django.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from runs_app.forecasting.errors import ForecastingError
from runs_app.forecasting.whole_file import write_shared

PINS_FILE = "pins.json"


class PinsUnreadable(ForecastingError):
    """``pins.json`` is no list of paths, so nobody knows what may be removed."""


def read_pins(run_dir: Path) -> frozenset[str]:
    """Paths such as ``checkpoints/checkpoint-epoch3.ckpt``. Raises ``PinsUnreadable``."""
    try:
        found = json.loads((run_dir / PINS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        raise PinsUnreadable(f"{PINS_FILE} cannot be read: {error}") from error
    if not isinstance(found, list) or not all(isinstance(path, str) for path in found):
        raise PinsUnreadable(f"{PINS_FILE} is not a list of paths")
    return frozenset(found)


def write_pins(run_dir: Path, paths: Iterable[str]) -> None:
    """Replace the list. Raises ``OSError``."""
    write_shared(run_dir / PINS_FILE, json.dumps(sorted(paths)) + "\n")

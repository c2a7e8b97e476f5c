"""Killed at any moment of a save, a trainer leaves nothing listed that is not whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("FAULT_KILLS", "20"))
"""The quick count; a fault suite sets a larger one."""


def test_every_announced_checkpoint_is_whole_and_the_next_trainer_goes_on(tmp_path: Path) -> None:
    program = "tests.forecasting.training.killed_saves"
    seed = os.environ.get("FAULT_SEED", "1")
    done = subprocess.run(
        [sys.executable, "-m", program, tmp_path, f"{KILLS}", seed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60 + 2 * KILLS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) >= 1

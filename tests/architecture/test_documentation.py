"""What the documents promise about settings is what the code reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aistempre.env import VARIABLES
from launcher.help_texts import TEXTS

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(("name", "default"), VARIABLES.items())
def test_every_variable_is_in_the_readme_with_its_default(name: str, default: str) -> None:
    rows = [line for line in README.splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    assert f"`{default}`" in rows[0] if default else "none" in rows[0]


def test_bin_start_names_every_variable_a_user_may_set() -> None:
    missing = [name for name in VARIABLES if name != "HOST" and name not in TEXTS["start"]]
    assert missing == []


def test_nothing_else_reads_the_environment() -> None:
    """Settings come from ``env.py``. The core, a library of its own, and what starts it differ."""
    reading = re.compile(r"os\.(environ(\[|\.get)|getenv)")
    allowed = {
        "aistempre/env.py",
        "runs_app/execution/trainer_process.py",  # passes an allow-list on to trainers
        "runs_app/forecasting/__main__.py",  # DATA_ROOT of its command line
        "runs_app/forecasting/data/imports.py",  # where imports lie, told by what starts a process
        "runs_app/forecasting/training/device.py",  # the devices a trainer may see
        "runs_app/forecasting/training/group.py",  # torchrun's own: which process of how many
        "runs_app/forecasting/training/launch.py",  # what it passes on to these processes
    }
    found = {
        str(path.relative_to(ROOT))
        for folder in ("aistempre", "runs_app")
        for path in (ROOT / folder).rglob("*.py")
        if reading.search(path.read_text())
    }
    assert found - allowed == set()

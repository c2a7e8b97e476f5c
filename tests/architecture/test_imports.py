"""Imports go one way: the contracts of pyproject.toml, and what a process really loads."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = ("torch", "pytorch_lightning", "lightning_fabric", "torchmetrics", "scipy")
WEB = ("django", "channels", "celery", "daphne", "ninja", "redis", "twisted")

WEB_PROGRAM = f"""
import sys
from django.urls import get_resolver
import aistempre.asgi
get_resolver().url_patterns  # views and forms are imported with the routes
print([name for name in {HEAVY!r} if name in sys.modules])
"""

CORE_PROGRAM = f"""
import importlib, pkgutil, sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {WEB!r} + ("aistempre",):
            raise ImportError(f"the core imports {{name}}")

sys.meta_path.insert(0, Wall())
import runs_app.forecasting as core
names = [m.name for m in pkgutil.walk_packages(core.__path__, core.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(len(names), [name for name in {WEB!r} if name in sys.modules])
"""

TORCH_FREE_PROGRAM = f"""
import sys
from runs_app.forecasting import events, errors
from runs_app.forecasting.config import compose, overrides, request, schema, timeframes
from runs_app.forecasting.data import candles, inspect
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def run(program: str) -> str:
    """What a new interpreter prints that runs ``program`` in the checkout."""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_there_are_four_contracts_and_every_room_stands_on_a_floor() -> None:
    """A new room of the app that no contract knows would escape all of them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts = {contract["id"]: contract for contract in settings["contracts"]}
    assert len(contracts) == 4
    floors = " ".join(contracts["floors-of-the-app"]["layers"])
    by_django_alone = {"admin", "apps", "checks", "templatetags", "migrations"}
    lists = {"admin_site", "admin_lists", "record_admin", "work_admin", "notification_admin",
             "label_admin", "admin_sections", "admin_documents"}  # fmt: skip
    leaves = by_django_alone | lists | {"middleware", "local_operator", "context", "queue_admin"}
    rooms = {path.stem for path in (ROOT / "runs_app").iterdir() if not path.name.startswith("__")}
    unknown = {room for room in rooms - leaves if f"runs_app.{room}" not in floors}
    assert unknown == set()


def test_the_web_side_loads_no_torch() -> None:
    assert run(WEB_PROGRAM) == "[]"


def test_the_core_loads_without_django() -> None:
    count, _, found = run(CORE_PROGRAM).partition(" ")
    assert int(count) > 10
    assert found == "[]"


def test_what_the_web_side_takes_from_the_core_is_light() -> None:
    assert run(TORCH_FREE_PROGRAM) == "[]"


@pytest.mark.parametrize("module", ["runs_app.execution.trainer_process", "runs_app.tasks"])
def test_the_worker_itself_loads_no_torch(module: str) -> None:
    program = f"import django, sys; django.setup(); import {module}; print('torch' in sys.modules)"
    assert run(program) == "False"

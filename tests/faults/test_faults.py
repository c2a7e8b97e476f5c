"""The short form of ``bin/faults``: the most telling cases and a minute of the walk."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.faults.command import run
from tests.faults.order import WALK, Order

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 34
WALK_SECONDS = 60.0
SHORT = {
    "sqlite": (
        "trainer-killed", "worker-killed", "worker-killed-predicting", "worker-stopped",
        "valkey-flushed", "cancel-races", "viewer-cut", "disk-full", WALK,
    ),
    "postgres": ("postgres-stopped", "claims", "planned-stop"),
}  # fmt: skip

Judged = Callable[[str], dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The verdicts of one database by name; its cases share a product."""

    @cache
    def on(database: str) -> dict[str, dict[str, Any]]:
        results: Path = tmp_path_factory.mktemp("faults") / "verdicts.json"
        cases = [name for name in SHORT[database] if name != WALK]
        order = Order(
            base="", database=database, seed=SEED, cases=cases, full=False,
            walk_seconds=WALK_SECONDS if WALK in SHORT[database] else 0.0, results=str(results),
        )  # fmt: skip
        run(order)
        return {verdict["name"]: verdict for verdict in json.loads(results.read_text())}

    return on


@pytest.mark.parametrize(
    ("database", "name"), [(database, name) for database, names in SHORT.items() for name in names]
)
def test_every_rule_holds_after(database: str, name: str, judged: Judged) -> None:
    assert judged(database)[name]["faults"] == []


@pytest.mark.parametrize("database", SHORT)
def test_no_event_is_lost(database: str, judged: Judged) -> None:
    assert "events" not in judged(database)

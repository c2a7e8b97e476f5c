"""There is one way from an instant to a bar: ``data/resample.last_visible``."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CORE = ROOT / "runs_app" / "forecasting"

SEARCHES = frozenset(
    {"searchsorted", "bisect", "bisect_left", "bisect_right", "merge_asof", "asof", "join_asof",
     "digitize", "bucketize"}
)  # fmt: skip
"""Calls by which a time could be matched with a bar."""

ALLOWED = {
    ("data/resample.py", "last_visible"),
    ("data/candles.py", "between"),  # cuts candles by dates that the user has given
    ("data/chart_levels.py", "_between"),  # cuts the part of a chart that a person looks at
}
"""A search that no network input can come from may be added here, with its reason."""


def searches(source: str) -> set[str]:
    """Names of the functions of a module in which a search over times could happen."""
    found = set()
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            if name in SEARCHES:
                found.add(function.name)
    return found


def times_compared(source: str) -> set[str]:
    """Functions that read a bar's ``open_time`` inside a comparison."""
    return {
        function.name
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef)
        for compare in ast.walk(function)
        if isinstance(compare, ast.Compare)
        for node in ast.walk(compare)
        if isinstance(node, ast.Attribute) and node.attr == "open_time"
    }


def rooms() -> list[Path]:
    """Everything of the core that can touch what a network is fed."""
    return sorted(path for room in ("data", "network", "training", "prediction", "decision")
                  for path in (CORE / room).rglob("*.py"))  # fmt: skip


def test_nobody_else_searches_times_for_bars() -> None:
    found = {
        (str(path.relative_to(CORE)), function)
        for path in rooms()
        for function in searches(path.read_text())
    }
    assert found == ALLOWED


def test_no_decision_is_compared_with_the_opening_of_a_bar() -> None:
    found = {
        (str(path.relative_to(CORE)), function)
        for path in rooms()
        for function in times_compared(path.read_text())
    }
    assert found <= {("data/resample.py", "_resample")}


@pytest.mark.parametrize(
    "line",
    ["np.searchsorted(bars.open_time, at)", "bisect(times, at)", "frame.join_asof(other)",
     "torch.bucketize(at, times)"],
)  # fmt: skip
def test_a_second_join_would_be_seen(line: str) -> None:
    assert searches(f"def join(bars, at):\n    return {line}\n") == {"join"}


def test_a_comparison_with_the_opening_would_be_seen() -> None:
    assert times_compared("def seen(bars, at):\n    return bars.open_time <= at\n") == {"seen"}

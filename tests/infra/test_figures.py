"""How the figures of a bench are told."""

from __future__ import annotations

import pytest

from launcher.figures import Figure, Row, print_figures


def row(name: str, answer: float, task: float) -> Row:
    figures = (
        Figure("answer", answer, "ms", 80.0),
        Figure("paint", 41.26, "ms"),
        Figure("longest task", task, "ms", 200.0),
    )
    return Row(name, figures)


def test_rows_stand_under_one_head_and_say_which_budgets_do_not_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_figures([row("one", 12.345, 0.0), row("other", 81.0, 1234.5)])
    head, one, other = capsys.readouterr().out.splitlines()
    assert head.split() == ["answer", "paint", "longest", "task"]
    assert " ".join(one.split()) == "one 12.3 < 80 ms 41.3 ms 0 < 200 ms within"
    assert other.endswith("1,234 < 200 ms   OVER BUDGET: answer, longest task")
    assert one.index("41.3 ms") == other.index("41.3 ms")


def test_a_shorter_row_keeps_the_head_and_one_without_budgets_says_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bare = Row("bare", (Figure("answer", 5.0, "ms"),))
    print_figures([row("one", 1.0, 0.0), bare, Figure("memory", 250.0, "MB", 200.0)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[2].split() == ["bare", "5", "ms"]
    assert lines[3].endswith("OVER BUDGET")

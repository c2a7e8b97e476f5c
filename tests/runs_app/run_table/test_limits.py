"""Ranges of figures as people write them."""

from __future__ import annotations

import pytest

from runs_app.run_table.columns import FIGURES
from runs_app.run_table.limits import MAX_LIMITS, Limit, read_limits


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("val_loss<1.4", Limit("val_loss", "<", 1.4)),
        (" VAL_LOSS >= -2e-1 ", Limit("val_loss", ">=", -0.2)),
        ("val_nll > −3", Limit("val_nll", ">", -3.0)),
        ("val_da>52%", Limit("val_da", ">", 0.52)),
        ("val_crps <= 5bp", Limit("val_crps", "<=", 5e-4)),
        ("duration > 2h", Limit("duration", ">", 7200.0)),
        ("size<1 GB", Limit("size", "<", 1e9)),
    ],
)
def test_a_limit_is_read_with_its_unit(text: str, limit: Limit) -> None:
    (found,), problems = read_limits(text)
    assert (found.key, found.operator, problems) == (limit.key, limit.operator, ())
    assert found.value == pytest.approx(limit.value)


def test_several_are_parted_by_commas_and_what_is_wrong_is_told() -> None:
    limits, problems = read_limits("val_loss<1, val_los>2; epoch>=3, skill, best<1e400, step<2z")
    assert [limit.key for limit in limits] == ["val_loss", "epoch"]
    assert "did you mean val_loss?" in problems[0]
    assert "“skill” is no limit" in problems[1]
    assert "no number" in problems[2]
    assert "no known unit" in problems[3]


@pytest.mark.parametrize("text", ["config__x<1", "id<1", "uid<1", "val_loss__gt<1", "worker<1"])
def test_no_word_of_a_user_reaches_a_query(text: str) -> None:
    limits, problems = read_limits(text)
    assert limits == ()
    assert len(problems) == 1


def test_a_query_gets_a_column_of_this_code_only() -> None:
    (limit,), _ = read_limits("best<1")
    assert limit.lookup == ("best_val_loss__lt", 1.0)
    assert set(FIGURES) >= {"val_loss", "best", "val_crps", "skill", "duration", "size", "step"}


def test_there_is_an_end_to_them() -> None:
    limits, problems = read_limits(",".join(["step<1"] * 50))
    assert len(limits) == MAX_LIMITS
    assert problems
    assert read_limits("x" * 1000)[0] == ()

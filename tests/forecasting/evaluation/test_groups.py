"""A group is judged over all its runs: no figure is the best one's, and missing runs are said."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist, fmean, stdev

import numpy as np
import pytest

from runs_app.forecasting.evaluation.documents import Comparison, Outcome, Verdict
from runs_app.forecasting.evaluation.groups import GroupComparison, Member, judge_group


def compared(
    baseline: str, difference: float, error: float, *, score: str = "crps", reference: float = 1.0
) -> Comparison:
    statistic = -difference / error
    p_value = 2 * NormalDist().cdf(-abs(statistic))
    return Comparison(
        baseline=baseline, score=score, model=reference - difference, reference=reference,
        skill=difference / reference, skill_low=0.0, skill_high=0.0, statistic=statistic,
        p_value=p_value, outcome=Outcome.TIES,
    )  # fmt: skip


def member(fold: int, seed: int, *comparisons: Comparison, rows: int = 1000) -> Member:
    verdict = Verdict(
        outcome=Outcome.TIES, edge=False, sentence=".", baseline="garch", rows=rows,
        comparisons=comparisons,
    )  # fmt: skip
    return Member(fold, seed, verdict)


def only(members: list[Member]) -> GroupComparison:
    verdict = judge_group(members, planned=len(members))
    assert len(verdict.comparisons) == 1
    return verdict.comparisons[0]


def test_the_figures_are_those_of_all_runs() -> None:
    skills = {(1, 7): 0.04, (1, 8): 0.02, (2, 7): -0.01, (2, 8): 0.05}
    found = only([member(f, s, compared("garch", d, 0.01)) for (f, s), d in skills.items()])
    values = list(skills.values())
    assert found.skill.mean == pytest.approx(fmean(values))
    assert found.skill.deviation == pytest.approx(stdev(values))
    assert found.skill.median == pytest.approx(0.03)
    assert (found.skill.low, found.skill.high) == pytest.approx((-0.01, 0.05))
    assert found.skill.between_folds == pytest.approx(stdev([0.03, 0.02]))
    within = [np.var([0.04, 0.02], ddof=1), np.var([-0.01, 0.05], ddof=1)]
    assert found.skill.between_seeds == pytest.approx(math.sqrt(float(np.mean(within))))
    assert (found.folds, found.folds_better) == (2, 2)


def test_one_lucky_seed_among_many_makes_no_edge() -> None:
    lucky = member(1, 99, compared("garch", 0.08, 0.01))
    others = [member(1, seed, compared("garch", -0.002, 0.01)) for seed in range(9)]
    alone = judge_group([lucky], planned=1)
    assert alone.outcome is Outcome.BEATS
    assert judge_group([lucky, *others], planned=10).outcome is Outcome.TIES


def test_folds_add_up_and_seeds_of_one_fold_do_not() -> None:
    """A difference of 1.5 errors: nine independent folds show it, nine seeds cannot."""
    one = compared("garch", 0.015, 0.01)
    folds = only([member(fold, 7, one) for fold in range(1, 10)])
    assert folds.statistic == pytest.approx(4.5)
    assert folds.outcome is Outcome.BEATS
    seeds = only([member(1, seed, one) for seed in range(1, 10)])
    assert seeds.statistic == pytest.approx(1.5)
    assert seeds.outcome is Outcome.TIES


def test_folds_count_by_their_decisions() -> None:
    long = member(1, 7, compared("garch", 0.03, 0.01), rows=3000)
    short = member(2, 7, compared("garch", -0.01, 0.02), rows=1000)
    found = only([long, short])
    assert found.difference == pytest.approx(0.02)
    assert found.statistic == pytest.approx(0.02 / math.hypot(0.75 * 0.01, 0.25 * 0.02))


def test_the_error_rate_is_the_stated_one() -> None:
    """Where nothing is to be found, about 1 % of groups find something, whatever their shape."""
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(2000):
        members = [
            member(fold, seed, compared("garch", float(fold_luck + rng.normal(0, 0.2)), 1.0))
            for fold, fold_luck in enumerate(rng.normal(0, 1.0, 4), 1)
            for seed in range(3)
        ]
        found += only(members).outcome is not Outcome.TIES
    assert found / 2000 < 0.02


def test_every_baseline_must_be_beaten_and_the_hardest_is_named() -> None:
    members = [
        member(fold, 7, compared("constant", 0.2, 0.01), compared("garch", 0.001, 0.01))
        for fold in (1, 2)
    ]
    verdict = judge_group(members, planned=2)
    assert (verdict.outcome, verdict.baseline, verdict.edge) == (Outcome.TIES, "garch", False)
    assert "GARCH(1,1)-t" in verdict.sentence


def test_a_worse_nll_takes_the_win_away() -> None:
    crps = compared("garch", 0.05, 0.01)
    for nll, outcome in ((-0.5, Outcome.TIES), (0.001, Outcome.BEATS)):
        both = member(1, 7, crps, compared("garch", nll, 0.01, score="nll"))
        verdict = judge_group([both], planned=1)
        assert verdict.outcome is outcome
    assert (
        "worse"
        in judge_group(
            [member(1, 7, crps, compared("garch", -0.5, 0.01, score="nll"))], planned=1
        ).sentence
    )


def test_a_missing_run_is_said_and_no_edge_is_claimed() -> None:
    members = [member(fold, 7, compared("garch", 0.05, 0.01)) for fold in (1, 2, 3)]
    whole = judge_group(members, planned=3)
    part = judge_group(members, planned=4)
    assert whole.edge
    assert not part.edge
    assert "1 planned run could not be judged" in part.sentence
    assert "3 of 4 runs" in part.sentence


def test_a_run_that_leaks_spoils_the_group() -> None:
    members = [member(fold, 7, compared("garch", 0.05, 0.01)) for fold in (1, 2, 3)]
    members[1] = replace(members[1], leaks=True)
    verdict = judge_group(members, planned=3)
    assert (verdict.outcome, verdict.edge) == (Outcome.BEATS, False)
    assert "1 run failed a leak check: no claim is made" in verdict.sentence


def test_a_group_without_a_judged_run_says_so() -> None:
    verdict = judge_group([], planned=4)
    assert (verdict.outcome, verdict.edge, verdict.comparisons) == (None, False, ())
    assert "nothing can be said" in verdict.sentence


def test_the_same_forecasts_tie() -> None:
    same = compared("garch", 0.0, 0.01).model_copy(update={"p_value": 1.0})
    assert only([member(1, 7, same)]).outcome is Outcome.TIES


def test_a_p_value_at_the_end_of_the_floats_is_a_very_sure_one() -> None:
    sure = compared("garch", 0.5, 0.01).model_copy(update={"p_value": 5e-324})
    assert only([member(1, 7, sure)]).outcome is Outcome.BEATS


def test_a_mean_skill_that_points_the_other_way_is_not_left_standing_alone() -> None:
    """A wild fold decides by its size, and two calm ones make the mean of the skills."""
    wild = member(1, 7, compared("garch", 5.0, 0.1, reference=100.0))
    calm = [member(fold, 7, compared("garch", -0.5, 0.1)) for fold in (2, 3)]
    verdict = judge_group([wild, *calm], planned=3)
    assert verdict.outcome is Outcome.BEATS
    assert verdict.comparisons[0].skill.mean < 0.0
    assert "but over all decisions it is better" in verdict.sentence

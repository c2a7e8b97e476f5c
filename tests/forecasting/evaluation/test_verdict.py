"""The one sentence at the top of a run: true, careful, and never better than the figures."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from runs_app.forecasting.evaluation import verdict as deciding
from runs_app.forecasting.evaluation.documents import Comparison, LeakCheck, LeakFinding, Outcome
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.rule import outcome_of
from runs_app.forecasting.evaluation.verdict import LEAST_ROWS, judge, loss_table
from runs_app.forecasting.evaluation.words import joined, p_words, percent

ROWS = 6000
RNG = np.random.default_rng(0)
SCALE = 1e-3 * np.exp(RNG.normal(0.0, 0.5, ROWS))
Y = SCALE * RNG.standard_normal(ROWS)


def gaussian(scale: FloatArray | float, location: float = 0.0) -> Predictive:
    return Predictive(Family.GAUSSIAN, np.full(ROWS, location), np.zeros(ROWS) + scale)


def compare(
    model: Predictive, baselines: dict[str, Predictive], y: FloatArray, *, horizon_bars: int = 1
) -> tuple[Comparison, ...]:
    return deciding.compare(loss_table(model, baselines, y), horizon_bars=horizon_bars)


TRUTH = gaussian(SCALE)
FLAT = gaussian(float(Y.std()))
BLUNT = gaussian(3.0 * float(Y.std()))


def test_the_truth_beats_what_knows_less_and_names_the_hardest() -> None:
    comparisons = compare(TRUTH, {"random_walk": BLUNT, "constant": FLAT}, Y)
    assert [(c.score, c.baseline) for c in comparisons] == [
        ("crps", "random_walk"), ("crps", "constant"), ("nll", "random_walk"), ("nll", "constant"),
    ]  # fmt: skip
    verdict = judge(comparisons, rows=ROWS)
    assert (verdict.outcome, verdict.edge, verdict.baseline) == (Outcome.BEATS, True, "constant")
    assert re.fullmatch(
        r"Beats the constant mean and variance, the hardest of two baselines: CRPS \d+\.\d % lower "
        r"over 6,000 test decisions \(Diebold-Mariano p < 0\.0001, 95 % interval "
        r"\d+\.\d to \d+\.\d %\)\.",
        verdict.sentence,
    )


def test_beating_three_of_four_is_no_edge() -> None:
    rivals = {"random_walk": BLUNT, "constant": FLAT, "ewma": BLUNT, "garch": TRUTH}
    verdict = judge(compare(TRUTH, rivals, Y), rows=ROWS)
    assert (verdict.outcome, verdict.edge, verdict.baseline) == (Outcome.TIES, False, "garch")
    assert verdict.sentence.startswith(
        "No edge: ties with GARCH(1,1)-t, the hardest of four baselines: CRPS 0.000 % lower"
    )
    assert "no more than chance gives" in verdict.sentence


def test_one_lost_baseline_is_the_one_that_is_told() -> None:
    rivals = {"random_walk": TRUTH, "constant": BLUNT}
    verdict = judge(compare(FLAT, rivals, Y), rows=ROWS)
    assert (verdict.outcome, verdict.edge, verdict.baseline) == (
        Outcome.LOSES, False, "random_walk",
    )  # fmt: skip
    assert re.match(
        r"Loses to the random walk, .*: CRPS \d+\.\d % higher over 6,000 test decisions "
        r"\(Diebold-Mariano p < 0\.0001, 95 % interval \d+\.\d to \d+\.\d %\)\.",
        verdict.sentence,
    )


def comparison(score: str, outcome: Outcome, **changes: float) -> Comparison:
    values = {
        "model": 1.0, "reference": 1.0, "skill": 0.018, "skill_low": 0.011, "skill_high": 0.024,
        "statistic": -3.7, "p_value": 0.0003, **changes,
    }  # fmt: skip
    return Comparison(baseline="garch", score=score, outcome=outcome, **values)


@pytest.mark.parametrize(
    ("crps", "nll", "whole"),
    [
        (Outcome.BEATS, Outcome.BEATS, Outcome.BEATS),
        (Outcome.BEATS, Outcome.TIES, Outcome.BEATS),
        (Outcome.BEATS, Outcome.LOSES, Outcome.TIES),
        (Outcome.TIES, Outcome.BEATS, Outcome.TIES),
        (Outcome.TIES, Outcome.LOSES, Outcome.LOSES),
        (Outcome.LOSES, Outcome.BEATS, Outcome.LOSES),
    ],
)
def test_a_density_answers_for_its_nll_too(crps: Outcome, nll: Outcome, whole: Outcome) -> None:
    pair = (comparison("crps", crps), comparison("nll", nll, skill=-0.02, p_value=0.0001))
    verdict = judge(pair, rows=12_345)
    assert verdict.outcome is whole
    assert verdict.edge is (whole is Outcome.BEATS)
    if crps is not whole:
        assert "but its NLL is 0.02 nats worse (p = 0.0001)" in verdict.sentence


def test_a_tie_that_is_lost_by_the_nll_says_so() -> None:
    lost = comparison("nll", Outcome.LOSES, skill=-0.02, p_value=0.0001)
    close = comparison(
        "crps", Outcome.TIES, skill=-0.0009, skill_low=-0.002, skill_high=0.0001, p_value=0.07
    )
    assert judge([close, lost], rows=3000).sentence == (
        "Loses to GARCH(1,1)-t: CRPS 0.090 % higher over 3,000 test decisions (Diebold-Mariano "
        "p = 0.07, 95 % interval −0.010 to 0.200 %), and its NLL is 0.02 nats worse (p = 0.0001)."
    )


def test_a_p_value_that_is_no_number_proves_nothing() -> None:
    assert outcome_of(float("nan"), better=True) is Outcome.TIES
    assert outcome_of(float("nan"), better=False) is Outcome.TIES


def test_the_sentence_word_for_word() -> None:
    verdict = judge([comparison("crps", Outcome.BEATS)], rows=12_345)
    assert verdict.sentence == (
        "Beats GARCH(1,1)-t: CRPS 1.8 % lower over 12,345 test decisions "
        "(Diebold-Mariano p = 0.0003, 95 % interval 1.1 to 2.4 %)."
    )


def test_a_failed_leak_check_comes_first_and_leaves_no_edge() -> None:
    findings = (
        LeakFinding(name="features", passed=False, detail="RSI changed."),
        LeakFinding(name="labels", passed=True, detail="None overlaps."),
    )
    leaks = LeakCheck(passed=False, findings=findings, seconds=1.0)
    verdict = judge(
        [comparison("crps", Outcome.BEATS)], rows=1000, leaks=leaks, remarks=("Other.",)
    )
    assert not verdict.edge
    assert verdict.sentence == (
        "The leak check failed (features): no score of this run can be believed."
    )
    assert verdict.remarks[0].startswith("Without that, the scores would say: Beats GARCH(1,1)-t")
    assert verdict.remarks[1] == "Other."


def test_points_meet_points_and_quantiles_meet_quantiles() -> None:
    rivals = {"random_walk": FLAT, "constant": FLAT, "ewma": TRUTH, "garch": TRUTH}
    point = Predictive(Family.POINT, 0.5 * Y)
    found = compare(point, rivals, Y)
    assert [(c.score, c.baseline) for c in found] == [
        ("squared_error", "random_walk"), ("squared_error", "constant"),
    ]  # fmt: skip
    assert judge(found, rows=ROWS).edge
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    standard = np.array([-1.6449, -0.6745, 0.0, 0.6745, 1.6449])
    quantiles = Predictive(
        Family.QUANTILES, np.zeros(ROWS), quantiles=SCALE[:, None] * standard, levels=levels
    )
    found = compare(quantiles, rivals, Y)
    assert {c.score for c in found} == {"pinball"}
    assert [c.outcome for c in found] == [Outcome.BEATS] * 2 + [Outcome.TIES] * 2


def test_equal_forecasts_tie_at_every_horizon() -> None:
    for horizon in (1, 5):
        verdict = judge(compare(FLAT, {"constant": FLAT}, Y, horizon_bars=horizon), rows=ROWS)
        assert (verdict.outcome, verdict.edge) == (Outcome.TIES, False)
        assert "p > 0.99" in verdict.sentence


def test_noise_rarely_beats_even_one_baseline() -> None:
    """Forecasts as good as each other, wrong in different ways: about one in a hundred is told."""
    edges = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        y = rng.standard_normal(1000)
        one, other = (
            replace(FLAT, location=0.05 * rng.standard_normal(1000), scale=np.full(1000, 1.0))
            for _ in range(2)
        )
        edges += judge(compare(one, {"constant": other}, y), rows=1000).edge
    assert edges <= 4


def test_words() -> None:
    assert [p_words(p) for p in (0.0, 0.00009, 0.0003, 0.0099, 0.042, 0.42, 1.0)] == [
        "p < 0.0001", "p < 0.0001", "p = 0.0003", "p = 0.0099", "p = 0.04", "p = 0.42", "p > 0.99",
    ]  # fmt: skip
    assert [percent(x) for x in (0.18, 0.018, 0.0018, 0.00018)] == ["18.0", "1.8", "0.18", "0.018"]
    assert [percent(x) for x in (0.0, 0.000012, 9999.0)] == ["0.000", "0.0012", "999,900.0"]
    assert joined(["a", "b", "c"]) == "a, b and c"


def test_a_short_test_part_gives_no_edge() -> None:
    pair = [comparison("crps", Outcome.BEATS)]
    assert judge(pair, rows=LEAST_ROWS).edge
    verdict = judge(pair, rows=LEAST_ROWS - 1)
    assert (verdict.outcome, verdict.edge) == (Outcome.TIES, False)
    assert verdict.sentence == (
        "No edge: 249 test decisions are too few to tell one from chance; at least 250 are needed."
    )
    assert verdict.remarks[0].startswith("Were they enough, the scores would say: Beats")

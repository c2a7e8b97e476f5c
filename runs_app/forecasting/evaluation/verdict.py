"""Whether a model is better than what is known without it, in one sentence that is true.

Decided on the test part by the proper score that suits what the model says: the CRPS of a density,
the pinball loss of quantiles, the squared error of a point. A baseline is beaten where the score is
lower with a Diebold-Mariano p below ``rule.SIGNIFICANCE``; a density must not have a significantly
worse NLL besides. A model has an edge only where it beats every baseline, so that chance would have
to strike against all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from runs_app.forecasting.counted import counted
from runs_app.forecasting.evaluation import scores
from runs_app.forecasting.evaluation.bootstrap import skill_difference, skill_ratio
from runs_app.forecasting.evaluation.documents import Comparison, LeakCheck, Outcome, Verdict
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.rule import WORST_FIRST, combined, outcome_of
from runs_app.forecasting.evaluation.significance import diebold_mariano
from runs_app.forecasting.evaluation.words import (
    SCORES,
    baseline_words,
    count_words,
    joined,
    p_words,
    percent,
)
from runs_app.forecasting.progress import advance

POINT_BASELINES = ("random_walk", "constant")
"""The others differ from these in their spread alone, which a point forecast has none of."""

LEAST_ROWS = 250
"""Fewer test decisions give no edge: where losses remember each other, the test of significance
then finds one in equal forecasts several times as often as its level says."""

MODEL = "model"
LossTable = dict[str, dict[str, FloatArray]]
"""Losses [N] per decision, by score and then by ``MODEL`` or key of ``BASELINES``."""

_LOSSES: dict[str, Callable[[Predictive, FloatArray], FloatArray]] = {
    "crps": scores.crps,
    "nll": scores.nll,
    "squared_error": scores.squared_error,
}


def decision_scores(model: Predictive) -> tuple[str, ...]:
    """The scores a model is compared by; the first one decides."""
    if model.has_density:
        return ("crps", "nll")
    return ("pinball",) if model.family is Family.QUANTILES else ("squared_error",)


def loss_table(model: Predictive, baselines: Mapping[str, Predictive], y: FloatArray) -> LossTable:
    """Losses of the model and of every baseline it can be compared with, on returns ``y`` [N]."""
    rivals = {
        key: forecast
        for key, forecast in baselines.items()
        if model.family is not Family.POINT or key in POINT_BASELINES
    }
    return {
        name: {
            key: scores.pinball(forecast, y, model.levels)
            if name == "pinball"
            else _LOSSES[name](forecast, y)
            for key, forecast in {MODEL: model, **rivals}.items()
        }
        for name in decision_scores(model)
    }


def compare(table: LossTable, *, horizon_bars: int) -> tuple[Comparison, ...]:
    """The model against every baseline: one comparison per score and baseline, the decider first.

    ``horizon_bars``: decision bars from a forecast to its outcome.
    """
    return tuple(
        _compared(key, name, losses[MODEL], other, horizon_bars)
        for name, losses in table.items()
        for key, other in losses.items()
        if key != MODEL
    )


def _compared(
    baseline: str, name: str, own: FloatArray, other: FloatArray, horizon_bars: int
) -> Comparison:
    test = diebold_mariano(own, other, horizon_bars=horizon_bars)
    skill_of = skill_difference if name == "nll" else skill_ratio
    skill = skill_of(own, other, horizon_bars=horizon_bars)
    advance()
    return Comparison(
        baseline=baseline,
        score=name,
        model=float(own.mean()),
        reference=float(other.mean()),
        skill=skill.value,
        skill_low=skill.low,
        skill_high=skill.high,
        statistic=test.statistic,
        p_value=test.p_value,
        outcome=outcome_of(test.p_value, better=test.mean_difference < 0.0),
    )


@dataclass(frozen=True)
class Duel:
    """All comparisons with one baseline and what they come to."""

    decider: Comparison
    nll: Comparison | None

    @property
    def outcome(self) -> Outcome:
        """By the deciding score, with the objection of the NLL."""
        return combined(self.decider.outcome, () if self.nll is None else (self.nll.outcome,))


def judge(
    comparisons: Sequence[Comparison],
    *,
    rows: int,
    leaks: LeakCheck | None = None,
    remarks: tuple[str, ...] = (),
) -> Verdict:
    """The verdict on ``rows`` test decisions; ``comparisons`` as ``compare`` gives them."""
    duels = _duels(comparisons)
    hardest = min(duels, key=lambda duel: (WORST_FIRST.index(duel.outcome), duel.decider.skill))
    sentence, outcome = _sentence(hardest, len(duels), rows), hardest.outcome
    if outcome is Outcome.BEATS and rows < LEAST_ROWS:
        outcome = Outcome.TIES
        remarks = (f"Were they enough, the scores would say: {sentence}", *remarks)
        sentence = (
            f"No edge: {counted(rows, 'test decision is', 'test decisions are')} too few to tell "
            f"one from chance; at least {LEAST_ROWS:,} are needed."
        )
    failed = [] if leaks is None else [f.name for f in leaks.findings if not f.passed]
    if leaks is not None and not leaks.passed:
        named = f" ({joined(failed)})" if failed else ""
        remarks = (f"Without that, the scores would say: {sentence}", *remarks)
        sentence = f"The leak check failed{named}: no score of this run can be believed."
    return Verdict(
        outcome=outcome,
        edge=outcome is Outcome.BEATS and (leaks is None or leaks.passed),
        sentence=sentence,
        baseline=hardest.decider.baseline,
        rows=rows,
        comparisons=tuple(comparisons),
        remarks=remarks,
    )


def _duels(comparisons: Sequence[Comparison]) -> list[Duel]:
    deciding = comparisons[0].score
    nll = {one.baseline: one for one in comparisons if one.score == "nll"}
    return [Duel(one, nll.get(one.baseline)) for one in comparisons if one.score == deciding]


def _sentence(hardest: Duel, baselines: int, rows: int) -> str:
    one = hardest.decider
    rank = f", the hardest of {count_words(baselines)} baselines" if baselines > 1 else ""
    against = f"{baseline_words(one.baseline)}{rank}: {difference_words(one)} over "
    decisions = counted(rows, "test decision")
    sureness = f"(Diebold-Mariano {p_words(one.p_value)}, 95 % interval {_interval_words(one)})"
    if hardest.outcome is Outcome.BEATS:
        return f"Beats {against}{decisions} {sureness}."
    worse = ""
    if hardest.outcome is not one.outcome and hardest.nll is not None:
        link = "but" if one.skill >= 0.0 else "and"
        worse = (
            f", {link} its NLL is {-hardest.nll.skill:.3g} nats worse "
            f"({p_words(hardest.nll.p_value)})"
        )
    if hardest.outcome is Outcome.LOSES:
        return f"Loses to {against}{decisions} {sureness}{worse}."
    chance = worse or ", no more than chance gives"
    return f"No edge: ties with {against}{decisions} {sureness}{chance}."


def difference_words(one: Comparison) -> str:
    """How far the model is from a baseline: ``CRPS 1.8 % lower``."""
    name = SCORES[one.score]
    direction = "lower" if one.skill >= 0.0 else "higher"
    if one.score == "nll":
        return f"{name} {abs(one.skill):.3g} nats {direction}"
    return f"{name} {percent(abs(one.skill), like=one.skill)} % {direction}"


def _interval_words(one: Comparison) -> str:
    """The interval of what ``difference_words`` says, in its direction."""
    low, high = (
        (one.skill_low, one.skill_high) if one.skill >= 0.0 else (-one.skill_high, -one.skill_low)
    )
    words = f"{percent(low, like=one.skill)} to {percent(high, like=one.skill)} %"
    return words.replace("-", "−")

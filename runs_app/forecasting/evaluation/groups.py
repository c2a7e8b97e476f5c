"""Several runs judged as one: the folds of a walk-forward, and the seeds of one configuration.

Every run that was planned counts, and no figure is that of the best one. Pure Python: the web side
reads it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median, stdev

from runs_app.forecasting.counted import counted, noun
from runs_app.forecasting.evaluation.documents import (
    BASELINES,
    Comparison,
    Outcome,
    Record,
    Verdict,
)
from runs_app.forecasting.evaluation.rule import WORST_FIRST, combined, outcome_of
from runs_app.forecasting.evaluation.words import SCORES, p_words, signed_percent

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Member:
    """A run that was judged: its fold and its seed, and its verdict on its own test."""

    fold: int
    seed: int
    verdict: Verdict
    leaks: bool = False
    """True where a leak check of the run failed."""


class Spread(Record):
    """A figure over the runs of a group."""

    mean: float
    deviation: float | None
    """Sample standard deviation over all runs; None for a single one."""
    between_folds: float | None
    """Standard deviation of the folds' means; None for one fold."""
    between_seeds: float | None
    """Root of the mean variance within a fold; None for one seed."""
    median: float
    low: float
    high: float


class GroupComparison(Record):
    """The runs of a group against one baseline by one score; lower scores are better."""

    baseline: str
    score: str
    model: Spread
    reference: Spread
    skill: Spread
    """1 - model / reference of each run; for the NLL reference - model in nats."""
    folds: int
    folds_better: int
    """Folds in which the mean over the seeds is better than the baseline."""
    folds_beaten: int
    """Folds in which it is so with p below ``SIGNIFICANCE``."""
    difference: float
    """Mean of reference - model over the test decisions of all folds, the seeds averaged."""
    statistic: float
    p_value: float
    """Two-sided. The error of a fold is that of its Diebold-Mariano test, and the spread of its
    seeds on top; folds count by their decisions and as independent, as their tests do not overlap.
    """
    outcome: Outcome


class GroupVerdict(Record):
    """What the runs of a group say together."""

    outcome: Outcome | None
    """None while nothing has been judged."""
    edge: bool
    """True where every baseline is beaten, every planned run was judged, and none leaks."""
    sentence: str
    baseline: str | None
    """The baseline that decides: the hardest to beat."""
    planned: int
    judged: int
    rows: int
    """Test decisions of all folds, each counted once."""
    comparisons: tuple[GroupComparison, ...]


def judge_group(members: Sequence[Member], *, planned: int) -> GroupVerdict:
    """One verdict over all judged runs of a group of ``planned`` runs.

    For each baseline and score the difference to the model is averaged over the seeds of a fold and
    then over the folds, each weighted by its test decisions. A baseline is beaten where the first
    score is better with p below 0.01 and no other score is significantly worse. No run is chosen.
    """
    comparisons = tuple(
        _compare(members, baseline, score) for baseline, score in _compared(members)
    )
    rows = sum(round(fmean(one.verdict.rows for one in fold)) for fold in _by_fold(members))
    hardest = _hardest(comparisons)
    outcome = None if hardest is None else outcome_against(hardest.baseline, comparisons)
    believable = len(members) == planned and not any(member.leaks for member in members)
    return GroupVerdict(
        outcome=outcome,
        edge=outcome is Outcome.BEATS and believable,
        sentence=_sentence(members, hardest, outcome, comparisons, planned=planned, rows=rows),
        baseline=hardest.baseline if hardest else None,
        planned=planned,
        judged=len(members),
        rows=rows,
        comparisons=comparisons,
    )


def outcome_against(baseline: str, comparisons: Iterable[GroupComparison]) -> Outcome:
    """How the group does against one baseline: its first score decides, the others may object."""
    first, *others = (one.outcome for one in comparisons if one.baseline == baseline)
    return combined(first, others)


def _by_fold(members: Sequence[Member]) -> list[list[Member]]:
    folds: dict[int, list[Member]] = {}
    for member in members:
        folds.setdefault(member.fold, []).append(member)
    return [folds[key] for key in sorted(folds)]


def _compared(members: Sequence[Member]) -> list[tuple[str, str]]:
    """Baselines and scores that every run was compared by, in their usual order."""
    held = [{(c.baseline, c.score) for c in member.verdict.comparisons} for member in members]
    shared = set.intersection(*held) if held else set()
    return [(name, score) for name in BASELINES for score in SCORES if (name, score) in shared]


def _compare(members: Sequence[Member], baseline: str, score: str) -> GroupComparison:
    folds = [
        [(_of(member.verdict, baseline, score), member.verdict.rows) for member in fold]
        for fold in _by_fold(members)
    ]
    judged = [_pooled_seeds([one for one, _ in fold]) for fold in folds]
    weights = [fmean(rows for _, rows in fold) for fold in folds]
    total = sum(weights)
    difference = sum(w * mean for w, (mean, _) in zip(weights, judged, strict=True)) / total
    error = math.hypot(*(w * e for w, (_, e) in zip(weights, judged, strict=True))) / total
    statistic = _ratio(difference, error)
    each = [[one for one, _ in fold] for fold in folds]
    return GroupComparison(
        baseline=baseline,
        score=score,
        model=_spread([[one.model for one in fold] for fold in each]),
        reference=_spread([[one.reference for one in fold] for fold in each]),
        skill=_spread([[one.skill for one in fold] for fold in each]),
        folds=len(folds),
        folds_better=sum(mean > 0 for mean, _ in judged),
        folds_beaten=sum(_outcome(_ratio(mean, e)) is Outcome.BEATS for mean, e in judged),
        difference=difference,
        statistic=statistic,
        p_value=_p_value(statistic),
        outcome=_outcome(statistic),
    )


def _of(verdict: Verdict, baseline: str, score: str) -> Comparison:
    return next(
        one for one in verdict.comparisons if one.baseline == baseline and one.score == score
    )


def _pooled_seeds(runs: Sequence[Comparison]) -> tuple[float, float]:
    """Mean of reference - model over the seeds of one fold, and its standard error.

    The seeds share the fold's decisions, so that the error of the test does not shrink with them;
    what the choice of seeds adds does.
    """
    differences = [one.reference - one.model for one in runs]
    sampling = fmean(_standard_error(one) for one in runs)
    seeds = stdev(differences) / math.sqrt(len(runs)) if len(runs) > 1 else 0.0
    return fmean(differences), math.hypot(sampling, seeds)


def _standard_error(one: Comparison) -> float:
    """The error of a run's difference, of the size at which a normal test has its p-value."""
    difference = abs(one.reference - one.model)
    if difference == 0:
        return 0.0
    tail = min(one.p_value, 1) / 2  # the smallest number's half is zero
    sure = abs(one.statistic) if tail <= 0 else -_NORMAL.inv_cdf(tail)
    return math.inf if sure == 0 else difference / sure


def _ratio(difference: float, error: float) -> float:
    if difference == 0:
        return 0.0
    return math.copysign(math.inf, difference) if error == 0 else difference / error


def _p_value(statistic: float) -> float:
    return math.erfc(abs(statistic) / math.sqrt(2))


def _outcome(statistic: float) -> Outcome:
    return outcome_of(_p_value(statistic), better=statistic > 0)


def _spread(folds: Sequence[Sequence[float]]) -> Spread:
    values = [value for fold in folds for value in fold]
    repeated = [stdev(fold) ** 2 for fold in folds if len(fold) > 1]
    return Spread(
        mean=fmean(values),
        deviation=stdev(values) if len(values) > 1 else None,
        between_folds=stdev([fmean(fold) for fold in folds]) if len(folds) > 1 else None,
        between_seeds=math.sqrt(fmean(repeated)) if repeated else None,
        median=median(values),
        low=min(values),
        high=max(values),
    )


def _hardest(comparisons: Sequence[GroupComparison]) -> GroupComparison | None:
    """The first score of the baseline against which the group stands worst."""
    first = {one.baseline: one for one in reversed(comparisons)}
    return min(
        first.values(),
        key=lambda one: (
            WORST_FIRST.index(outcome_against(one.baseline, comparisons)),
            one.statistic,
        ),
        default=None,
    )


def _sentence(
    members: Sequence[Member],
    hardest: GroupComparison | None,
    outcome: Outcome | None,
    comparisons: Sequence[GroupComparison],
    *,
    planned: int,
    rows: int,
) -> str:
    if hardest is None or outcome is None:
        which = "The one run" if planned == 1 else f"None of the {planned:,} runs"
        has = "has not" if planned == 1 else "has"
        return f"{which} {has} been judged, so nothing can be said."
    name, score = BASELINES[hardest.baseline], SCORES[hardest.score]
    number = len({one.baseline for one in comparisons})
    says = {
        Outcome.BEATS: f"Beats all {number} baselines; the hardest is {name}",
        Outcome.TIES: f"No edge: not distinguishable from {name}",
        Outcome.LOSES: f"Loses to {name}",
    }[outcome]
    change = hardest.skill.mean
    compared = (
        f"by {score} the mean skill of all runs is {signed_percent(change)} %"
        f" (runs from {signed_percent(hardest.skill.low)}"
        f" to {signed_percent(hardest.skill.high)} %)"
        f"{_other_way(hardest)}"
    )
    objection = next(
        (
            f", and the {SCORES[one.score]} is worse"
            for one in comparisons
            if one.baseline == hardest.baseline
            and one.outcome is Outcome.LOSES
            and one.score != hardest.score
        ),
        "",
    )
    p_value = p_words(hardest.p_value)
    folds = f"better in {hardest.folds_better} of {counted(hardest.folds, 'fold')}, " * (
        hardest.folds > 1
    )
    basis = f"{len(members):,} of {counted(planned, 'run')}, {counted(rows, 'test decision')}"
    return f"{says}: {compared}, {folds}{p_value}{objection}; {basis}.{_doubts(members, planned)}"


def _other_way(one: GroupComparison) -> str:
    """Said where all decisions together, which decide, point another way than the mean skill."""
    if one.difference * one.skill.mean >= 0.0:
        return ""
    return f", but over all decisions it is {'better' if one.difference > 0.0 else 'worse'}"


def _doubts(members: Sequence[Member], planned: int) -> str:
    """Why nothing is claimed although figures stand here; empty where nothing is in the way."""
    missing, leaking = planned - len(members), sum(member.leaks for member in members)
    doubts = [
        f"{number:,} {what}"
        for number, what in (
            (missing, f"{noun(missing, 'planned run')} could not be judged"),
            (leaking, f"{noun(leaking, 'run')} failed a leak check"),
        )
        if number
    ]
    return f" {' and '.join(doubts)}: no claim is made." if doubts else ""

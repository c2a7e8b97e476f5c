"""The one rule by which a difference counts, for single runs and for groups of them."""

from __future__ import annotations

from collections.abc import Iterable

from runs_app.forecasting.evaluation.documents import Outcome

SIGNIFICANCE = 0.01
"""The p-value below which a difference is taken for real."""

WORST_FIRST = (Outcome.LOSES, Outcome.TIES, Outcome.BEATS)


def outcome_of(p_value: float, *, better: bool) -> Outcome:
    """What a difference comes to; ``better`` where the model has the lower score.

    A p-value that is no number proves nothing.
    """
    if not p_value < SIGNIFICANCE:
        return Outcome.TIES
    return Outcome.BEATS if better else Outcome.LOSES


def combined(deciding: Outcome, others: Iterable[Outcome]) -> Outcome:
    """The outcome against one baseline: the deciding score's, a step worse where another loses.

    A density that wins by its CRPS and loses by its NLL ties; one that ties by its CRPS loses.
    """
    if Outcome.LOSES not in others:
        return deciding
    return Outcome.TIES if deciding is Outcome.BEATS else Outcome.LOSES

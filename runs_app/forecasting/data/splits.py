"""Train, validation and test: in order of time, with nothing known on both sides of a border."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.config.timeframes import duration_seconds

Int64Array = npt.NDArray[np.int64]

PARTS: tuple[str, ...] = ("train", "validation", "test")

LEAST_DECISIONS: dict[str, int] = {"train": 100, "validation": 20, "test": 20}
"""Fewest decisions with which a part says anything at all."""


@dataclass(frozen=True)
class Borders:
    """Instants in ms UTC: train is up to ``train_end``, validation lies between its two, and so on.

    The fractions of the configuration share out the span that is left after the two purges; where
    it says when the test starts, train and validation share what is left before that. ``test_end``
    is exclusive, the other ends are not.
    """

    train_end: int
    validation_start: int
    validation_end: int
    test_start: int
    test_end: int


def in_ms(at: datetime) -> int:
    """An instant as milliseconds since 1970 UTC."""
    return round(at.timestamp() * 1000)


def borders(config: RunConfig, first: int, last: int) -> Borders:
    """Cut the span from the first to the last valid decision (ms UTC).

    The times may come out unordered when the span is shorter than two purges: parts are then empty.
    """
    data = config.data
    purge = int(config.purge.total_seconds()) * 1000
    test_end = last + 1 if data.test_end is None else in_ms(data.test_end)
    if data.test_start is None:
        usable = min(last, test_end - 1) - first - 2 * purge
        train, validation = data.train_fraction, data.validation_fraction
    else:
        usable = in_ms(data.test_start) - first - 2 * purge
        both = data.train_fraction + data.validation_fraction
        train, validation = data.train_fraction / both, data.validation_fraction / both
    train_end = first + int(usable * train)
    validation_start = train_end + purge
    validation_end = validation_start + int(usable * validation)
    test_start = validation_end + purge if data.test_start is None else in_ms(data.test_start)
    return Borders(train_end, validation_start, validation_end, test_start, test_end)


def split(
    config: RunConfig, decision_time: Int64Array, label_end: Int64Array
) -> dict[str, Int64Array]:
    """Indices into the decisions [N] of each part, ascending; some decisions are in none.

    ``label_end`` [N] is the latest instant a decision's labels look at (ms UTC). In train and
    validation it, plus one bar to enter and the embargo, lies before the first decision of the
    next part.
    """
    if len(decision_time) == 0:
        return {part: np.zeros(0, np.int64) for part in PARTS}
    cut = borders(config, int(decision_time[0]), int(decision_time[-1]))
    margin_ms = 1000 * (
        duration_seconds(config.data.decision_timeframe) + duration_seconds(config.data.embargo)
    )
    test = np.flatnonzero((decision_time >= cut.test_start) & (decision_time < cut.test_end))
    validation = _before(
        np.flatnonzero(
            (decision_time >= cut.validation_start) & (decision_time <= cut.validation_end)
        ),
        test, decision_time, label_end + margin_ms,
    )  # fmt: skip
    train = _before(
        np.flatnonzero(decision_time <= cut.train_end),
        validation, decision_time, label_end + margin_ms,
    )  # fmt: skip
    return {"train": train, "validation": validation, "test": test}


def _before(
    part: Int64Array, following: Int64Array, decision_time: Int64Array, reach: Int64Array
) -> Int64Array:
    """Those of ``part`` whose labels do not reach the first decision of the following part."""
    if len(following) == 0:
        return part
    kept: Int64Array = part[reach[part] < decision_time[following[0]]]
    return kept

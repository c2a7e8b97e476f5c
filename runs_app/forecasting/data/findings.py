"""What is wrong or odd in the rows of a candle file: counted, with examples by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs_app.forecasting.counted import counted
from runs_app.forecasting.data.candles import LONGEST_BAR_SECONDS, MS
from runs_app.forecasting.data.faults import (
    Fault,
    Rows,
    all_row_faults,
    duplicate_fault,
    grid_fault,
    utc_text,
)
from runs_app.forecasting.data.report import Example, Finding, Step
from runs_app.forecasting.data.spacing import Timeline
from runs_app.forecasting.evaluation.words import signed
from runs_app.forecasting.utc import instant

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

EXAMPLES = 3

JUMP_DEVIATIONS = 20.0
"""A step beyond this many robust deviations is a jump: in quiet and wild markets a few a year."""

_IQR_OF_NORMAL = 1.349
_LEAST_STEPS = 50
FLAT_RUN_BARS = 30
"""Bars in a row without any movement that count as a flat run."""

_LEFT_OUT = "these rows are left out"

_STOPPING: dict[str, str] = {
    "unreadable_time": "times that cannot be read",
    "missing_price": "rows without a price",
    "missing_volume": "rows without a volume",
    "price_not_positive": "rows with a price of zero or less",
    "high_low": "rows whose high or low contradicts open or close",
    "negative_volume": "rows with a negative volume",
}


@dataclass(frozen=True)
class Found:
    """All findings of a file, and its largest step."""

    findings: tuple[Finding, ...]
    largest_step: Step | None
    jump_threshold: float | None

    def without(self, kind: str) -> tuple[Finding, ...]:
        """The findings but those of one kind."""
        return tuple(finding for finding in self.findings if finding.kind != kind)


def all_findings(rows: Rows, timeline: Timeline | None) -> Found:
    """Look at every row for everything; a row may appear in several findings.

    Without a timeline what hangs on times (duplicates, grid, jumps, flat runs) is left out.
    """
    table = _Table(rows)
    found = [*_ragged(rows, table), *_row_findings(rows, table)]
    step, threshold = None, None
    if timeline is not None:
        rows.used = rows.instants.readable.copy()
        order = rows.order()
        found += _duplicates(rows, table)
        found += _off_grid(rows, table, timeline)
        found += _against_order(table, timeline)
        found += _zero_volume(rows, table)
        moves = _moves(rows, order)
        step, threshold = moves.largest, moves.threshold
        found += [*_jumps(moves, table), *_flat_runs(rows, order, table)]
    return Found(tuple(found), step, threshold)


class _Table:
    """Makes findings: lines, times and shares of rows."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._total = max(len(rows.used) + len(rows.table.ragged), 1)

    def example(self, row: int, text: str) -> Example:
        """One row as an example."""
        readable = bool(self._rows.instants.readable[row])
        at = instant(self._rows.instants.milliseconds[row]) if readable else None
        return Example(line=self._rows.table.line(int(row)), at=at, text=text)

    def finding(
        self,
        kind: str,
        title: str,
        where: Int64Array,
        *,
        words: Callable[[int], str],
        stops: bool,
        repair: str,
    ) -> list[Finding]:
        """The finding of these rows; none where there are none."""
        if len(where) == 0:
            return []
        examples = tuple(self.example(int(row), words(int(row))) for row in where[:EXAMPLES])
        return [self.counted(kind, title, len(where), examples, stops=stops, repair=repair)]

    def counted(
        self,
        kind: str,
        title: str,
        count: int,
        examples: tuple[Example, ...],
        *,
        stops: bool,
        repair: str,
    ) -> Finding:
        """A finding that was counted elsewhere."""
        return Finding(
            kind=kind,
            title=title,
            count=count,
            share=count / self._total,
            stops=stops,
            repair=repair,
            examples=examples,
        )


def _ragged(rows: Rows, table: _Table) -> list[Finding]:
    ragged = rows.table.ragged
    if not ragged:
        return []
    expected = rows.table.columns_expected
    examples = tuple(
        Example(line=line, at=None, text=f"{values} values where {expected} are expected")
        for line, values in ragged[:EXAMPLES]
    )
    title = "rows with a wrong number of values"
    return [
        table.counted("ragged", title, len(ragged), examples, stops=True, repair=_LEFT_OUT)
    ]  # fmt: skip


def _row_findings(rows: Rows, table: _Table) -> list[Finding]:
    kinds: dict[str, list[Fault]] = {}
    for fault in all_row_faults(rows):
        kinds.setdefault(fault.kind, []).append(fault)
    found = []
    for kind, faults in kinds.items():
        hit = np.logical_or.reduce([fault.rows for fault in faults])

        def words(row: int, faults: list[Fault] = faults) -> str:
            return next(fault.reason(row) for fault in faults if fault.rows[row])

        where = np.flatnonzero(hit)
        found += table.finding(
            kind, _STOPPING[kind], where, words=words, stops=True, repair=_LEFT_OUT
        )
    return found


def _duplicates(rows: Rows, table: _Table) -> list[Finding]:
    fault = duplicate_fault(rows)[0]
    order = rows.order()
    times = rows.instants.milliseconds[order]
    is_last = np.append(times[1:] != times[:-1], np.ones(min(len(times), 1), np.bool_))
    if bool(is_last.all()):
        return []
    of_time = np.cumsum(is_last) - is_last  # [rows in order]: which of the different times
    kept_row = order[is_last][of_time[~is_last]]
    repeated = order[~is_last]
    by_line = np.argsort(repeated)
    repeated, last = repeated[by_line], kept_row[by_line]
    data = rows.table
    columns = (data.open, data.high, data.low, data.close, data.volume)
    same = np.logical_and.reduce(
        [(c[repeated] == c[last]) | (np.isnan(c[repeated]) & np.isnan(c[last])) for c in columns]
    )
    kept = "the last row of each time is kept, the others are left out"
    return [
        *table.finding(
            "duplicate_identical", "rows that are there again, with the same values",
            repeated[same], words=fault.reason, stops=True, repair=kept,
        ),
        *table.finding(
            "duplicate_differing",
            "times that come again with other values, such as an unfinished candle before the "
            "final one",
            repeated[~same], words=fault.reason, stops=True, repair=kept,
        ),
    ]  # fmt: skip


def _off_grid(rows: Rows, table: _Table, timeline: Timeline) -> list[Finding]:
    if not MS <= timeline.bar_ms <= LONGEST_BAR_SECONDS * MS:
        return []  # refused for the bars' length; months lie on no grid
    fault = grid_fault(rows, timeline.bar_ms)[0]
    title = "times off the grid of the file's own bars"
    where = np.flatnonzero(fault.rows)
    return table.finding(fault.kind, title, where, words=fault.reason, stops=True, repair=_LEFT_OUT)


def _against_order(table: _Table, timeline: Timeline) -> list[Finding]:
    return table.finding(
        "order", f"rows that step against the order of the file ({timeline.order})",
        timeline.order_breaks, words=lambda _: "earlier or later than the row before allows",
        stops=False, repair="rows are sorted by time in any case",
    )  # fmt: skip


def _zero_volume(rows: Rows, table: _Table) -> list[Finding]:
    if "volume" not in rows.table.column_names:
        return []
    return table.finding(
        "zero_volume", "bars without volume", np.flatnonzero(rows.table.volume == 0),
        words=lambda _: "the volume is 0", stops=False, repair="they stay as they are",
    )  # fmt: skip


@dataclass(frozen=True)
class _Moves:
    """Log-returns of the close from row to row of positive closes in order of time [M]."""

    rows: Int64Array
    returns: FloatArray
    largest: Step | None
    threshold: float | None


def _moves(rows: Rows, order: Int64Array) -> _Moves:
    close = rows.table.close[order]
    usable = np.isfinite(close) & (close > 0)
    order, close = order[usable], close[usable]
    returns = np.diff(np.log(close))
    if len(returns) == 0:
        return _Moves(order[1:], returns, None, None)
    place = int(np.argmax(np.abs(returns)))
    at = instant(rows.instants.milliseconds[order[place + 1]])
    step = Step(at=at, log_return=float(returns[place]))
    moving = returns[returns != 0.0]
    threshold = None
    if len(moving) >= _LEAST_STEPS:
        low, high = np.quantile(moving, [0.25, 0.75])
        threshold = JUMP_DEVIATIONS * float(high - low) / _IQR_OF_NORMAL
    return _Moves(order[1:], returns, step, threshold)


def _jumps(moves: _Moves, table: _Table) -> list[Finding]:
    if moves.threshold is None:
        return []
    beyond = np.flatnonzero(np.abs(moves.returns) > moves.threshold)
    largest = beyond[np.argsort(-np.abs(moves.returns[beyond]), kind="stable")]
    words = dict(zip(moves.rows[largest].tolist(), moves.returns[largest].tolist(), strict=True))
    beyond_words = f"±{100 * moves.threshold:.2f} % ({JUMP_DEVIATIONS:g} robust deviations)"
    return table.finding(
        "jump", f"steps of the close beyond {beyond_words}", moves.rows[largest],
        words=lambda row: f"log-return {signed(words[row], 4)}",
        stops=False, repair="they stay as they are",
    )  # fmt: skip


def _flat_runs(rows: Rows, order: Int64Array, table: _Table) -> list[Finding]:
    """Runs of bars that stand still: open, high, low, close and the close before are one price."""
    data = rows.table
    close = data.close[order]
    still = (data.high[order] == data.low[order]) & (close == data.open[order])
    still[1:] &= close[1:] == close[:-1]
    edges = np.flatnonzero(np.diff(still.astype(np.int8), prepend=0, append=0))
    begins, ends = edges[::2], edges[1::2]
    long = (ends - begins) >= FLAT_RUN_BARS
    begins, ends = begins[long], ends[long]
    if len(begins) == 0:
        return []
    lengths = ends - begins
    longest = np.argsort(-lengths, kind="stable")[:EXAMPLES]
    examples = tuple(
        table.example(
            int(order[begins[run]]),
            f"{lengths[run]:,} bars at {close[begins[run]]:g}, up to "
            f"{utc_text(int(rows.instants.milliseconds[order[ends[run] - 1]]))}",
        )
        for run in longest
    )
    flat = counted(len(begins), "flat run")
    title = f"bars in {flat} of {FLAT_RUN_BARS} or more without any movement"
    count = int(lengths.sum())
    kept = "they stay as they are"
    return [table.counted("flat_run", title, count, examples, stops=False, repair=kept)]

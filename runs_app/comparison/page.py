"""A comparison put together: its columns, tables, notes, and what its plots are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runs_app.comparison.comparable import common_baselines, comparability
from runs_app.comparison.curves import POINTS, VALIDATION_COLUMNS
from runs_app.comparison.facts import Facts
from runs_app.comparison.metrics import CURVES, Metric
from runs_app.comparison.scores import ScoreGroup, score_groups
from runs_app.comparison.settings import SettingGroup, SettingRow, setting_groups
from runs_app.comparison.wish import X_AXES, Wish, without
from runs_app.forecasting.evaluation.documents import BASELINES
from runs_app.judgement import Badge, badge_of
from runs_app.models import TrainingRun
from runs_app.queries import about, is_cancelling
from runs_app.run_table.wanted import WITH, RunFilter, filter_runs
from runs_app.series import MOST_CURVES

HUES = 7
"""Colours that eyes without one of the three cone types tell apart; see ``--hue-*`` in the CSS."""


@dataclass(frozen=True)
class RunColumn:
    """One run of a comparison."""

    run: TrainingRun = about("The run.")
    hue: int = about("Number of its colour.")
    dash: int = about("Number of its line style and marker.")
    badge: Badge | None = about("The outcome of its verdict; None where it was not judged.")
    cancelling: bool = about("True from the wish to cancel until it has ended.")
    is_base: bool = about("True for the column that the others are read against.")
    without: str = about("The ids of the address once this run is taken away.")
    sentence: str = about("What the verdict says; empty without one.")


@dataclass(frozen=True)
class ComparisonPage:
    """Context of the comparison."""

    wish: Wish = about("What the address asks for.")
    columns: list[RunColumn] = about("The runs, in the order of the address.")
    problems: list[str] = about("Sentences about what of the address could not be shown.")
    refused: bool = about("True where more runs were asked for than can be shown.")
    notes: tuple[str, ...] = about("What may not be compared, and why.")
    settings: list[SettingGroup] = about("Settings that differ, or every one, by section.")
    same: int = about("Settings that are the same in all runs.")
    scores: list[ScoreGroup] = about("Scores by the part of the data they were measured on.")
    charts: list[Metric] = about("Scores that have a curve, each a chart.")
    drawn: dict[str, Any] = about("What the plots are drawn from.")
    x_axes: dict[str, str] = about("What the curves can be drawn over.")


def comparison(wish: Wish) -> ComparisonPage:
    """The runs that exist of those asked for; every other one has a sentence."""
    problems = _unreadable(wish)
    if wish.too_many:
        problems.append(
            f"{len(wish.uids)} runs were asked for, but at most {MOST_CURVES} can be told apart "
            f"in one chart. Select up to {MOST_CURVES}."
        )
        return _empty(wish, problems, refused=True)
    found = {run.uid: run for run in _runs(wish.uids)}
    lost = [uid for uid in wish.uids if uid not in found]
    if lost:
        problems.append(
            f"There is no run {', '.join(lost)}; it may have been deleted."
            if len(lost) == 1
            else f"There are no runs {', '.join(lost)}; they may have been deleted."
        )
    if not found:
        return _empty(wish, problems)
    columns = [
        _column(found[uid], place, wish) for place, uid in enumerate(wish.places) if uid in found
    ]
    return _filled(wish, columns, problems)


def _filled(wish: Wish, columns: list[RunColumn], problems: list[str]) -> ComparisonPage:
    facts = [Facts(column.run) for column in columns]
    base = next((at for at, column in enumerate(columns) if column.is_base), None)
    rows = [row for group in setting_groups(facts, base=base, every=True) for row in group.rows]
    may = comparability(facts)
    scores = score_groups(facts, may)
    lines, why_none = common_baselines(facts)
    return ComparisonPage(
        wish=wish,
        columns=columns,
        problems=problems,
        refused=False,
        notes=may.notes,
        settings=setting_groups(facts, base=base, every=wish.every),
        same=sum(not row.differs for row in rows),
        scores=scores,
        charts=[metric for metric in CURVES if _has_curve(metric, facts)],
        drawn={
            "runs": [_drawn_run(column) for column in columns],
            "axes": _axes(rows, scores),
            "columns": VALIDATION_COLUMNS,
            "points": POINTS,
            "baselines": lines,
            "baseline_names": BASELINES,
            "why_no_baselines": why_none,
        },
        x_axes=X_AXES,
    )


def _has_curve(metric: Metric, facts: Sequence[Facts]) -> bool:
    """The losses always; another score where a run has validated by it."""
    return metric.of_loss or any(
        one.latest.get(metric.key) is not None or one.best.get(metric.key) is not None
        for one in facts
    )


def _unreadable(wish: Wish) -> list[str]:
    if not wish.unreadable:
        return []
    listed = ", ".join(f"“{one}”" for one in wish.unreadable)
    return [f"{listed} cannot be the id of a run: an id has letters and digits only."]


def _empty(wish: Wish, problems: list[str], *, refused: bool = False) -> ComparisonPage:
    return ComparisonPage(wish, [], problems, refused, (), [], 0, [], [], {}, X_AXES)


def _runs(uids: Sequence[str]) -> list[TrainingRun]:
    """By the run table's own query, so that what it does not show is not compared."""
    return list(
        filter_runs(RunFilter(archived=WITH))
        .filter(uid__in=uids)
        .select_related("parent", "group")
        .defer("request", "parent__config", "parent__request", "group__config")
    )


def _column(run: TrainingRun, place: int, wish: Wish) -> RunColumn:
    sentence = (run.verdict or {}).get("sentence", "") if run.is_final else ""
    return RunColumn(
        run=run,
        hue=place % HUES,
        dash=place // HUES,
        badge=badge_of(run),
        cancelling=is_cancelling(run),
        is_base=run.uid == wish.base,
        without=without(wish.places, run.uid),
        sentence=sentence if isinstance(sentence, str) else "",
    )


def _drawn_run(column: RunColumn) -> dict[str, Any]:
    run = column.run
    return {
        "uid": run.uid, "name": str(run), "hue": column.hue, "dash": column.dash,
        "status": run.status, "live": run.is_live,
    }  # fmt: skip


def _axes(rows: Sequence[SettingRow], scores: Sequence[ScoreGroup]) -> list[dict[str, Any]]:
    """What plots can have on an axis: settings that differ, and scores. Values by column."""
    axes: list[dict[str, Any]] = []
    for row in rows:
        if not row.differs:
            continue
        by_number = all(
            number is not None or not cell.known
            for number, cell in zip(row.numbers, row.cells, strict=True)
        )
        texts = [cell.text if cell.known else None for cell in row.cells]
        axes.append({
            "key": row.path, "label": row.label, "unit": "", "score": False,
            "kind": "number" if by_number else "category",
            "values": list(row.numbers) if by_number else texts,
        })  # fmt: skip
    for group in scores:
        for score in group.rows:
            part = group.title.partition(",")[0].removesuffix(" part").lower()
            axes.append({
                "key": score.metric.key, "unit": score.metric.unit, "score": True,
                "label": f"{score.metric.label} ({part})", "kind": "number",
                "values": [cell.value for cell in score.cells],
            })  # fmt: skip
    return axes

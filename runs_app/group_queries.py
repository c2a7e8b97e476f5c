"""Reads of the groups of runs: the list, and one group's page with what its runs say together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT

from runs_app.choices import LIVE, RunStatus
from runs_app.forecasting.config.document import validate
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.forecasting.evaluation.documents import BASELINES, Comparison, Outcome, Verdict
from runs_app.forecasting.evaluation.groups import (
    GroupComparison,
    GroupVerdict,
    Member,
    judge_group,
)
from runs_app.judgement import BADGES, NOT_JUDGED, SCORES, Badge, badge_of, leaks, stored
from runs_app.models import RunGroup, TrainingRun
from runs_app.queries import PAGE_SIZE, about, is_cancelling
from runs_app.series import MOST_CURVES

UNPROVEN = Badge("No claim", "secondary", "minus")
"""Every baseline is beaten by the runs that count, but not all of them do."""

_COLUMNS = (
    "pk", "uid", "name", "status", "reason", "message", "fold", "seed", "outcome", "verdict",
    "leaks", "group_id", "epoch", "cancel_requested_at",
)  # fmt: skip


@dataclass(frozen=True)
class RunRow:
    """One planned run of a group."""

    seed: int = about("Its seed.")
    run: TrainingRun | None = about("The newest run in its place; None where it was deleted.")
    max_epochs: int | None = about("Epochs it was asked for.")
    cancelling: bool = about("True from the wish to cancel until the run has ended.")
    badge: Badge | None = about("The outcome of its own verdict; None where it was not judged.")
    leaking: bool = about("True where a leak check failed.")
    comparisons: tuple[Comparison, ...] = about("The model against each baseline, on its test.")

    @property
    def scores(self) -> dict[str, float]:
        """Mean scores of the model on its test, by name."""
        return {one.score: one.model for one in self.comparisons}

    @property
    def skills(self) -> dict[str, float]:
        """Skill against each baseline by the score that decides."""
        return {one.baseline: one.skill for one in reversed(self.comparisons)}


@dataclass(frozen=True)
class FoldRows:
    """The runs of one fold, with the time they learn from and are tested on."""

    number: int = about("From 1.")
    learns_from: datetime | None = about("First candle used; None: the first of the file.")
    learns_until: datetime | None = about("End of train and validation; None without a date.")
    tested_from: datetime | None = about("First test decision at or after; None without a date.")
    tested_until: datetime | None = about("Test decisions before; None: to the end.")
    rows: list[RunRow] = about("One per seed.")


@dataclass(frozen=True)
class BaselineLine:
    """The group against one baseline by one score."""

    comparison: GroupComparison = about("Figures over all judged runs.")
    baseline: str = about("The baseline in words.")
    score: str = about("The score in words.")
    badge: Badge = about("Whether the group beats, ties or loses by this score.")


@dataclass(frozen=True)
class GroupPage:
    """Context of a group's page and of its live part."""

    group: RunGroup = about("The group.")
    folds: list[FoldRows] = about("Every planned run, fold by fold.")
    counts: dict[str, int] = about("Runs by status word; deleted ones as deleted.")
    ended: bool = about("True when no run is pending or running.")
    verdict: GroupVerdict = about("What the judged runs say together.")
    lines: list[BaselineLine] = about("The group against each baseline.")
    badge: Badge = about("Colour and symbol of the verdict.")
    scores: list[str] = about("Scores the runs have, the deciding one first.")
    baselines: dict[str, str] = about("Baselines compared with: key and words.")
    chart: dict[str, Any] = about("Skill of every run, for the chart.")

    @property
    def _uids(self) -> list[str]:
        return [row.run.uid for fold in self.folds for row in fold.rows if row.run]

    @property
    def compared(self) -> str:
        """Ids of its runs for the address of a comparison; empty where there are not two."""
        return ",".join(self._uids[:MOST_CURVES]) if len(self._uids) > 1 else ""

    @property
    def compared_all(self) -> bool:
        """True where one comparison can hold all of its runs."""
        return len(self._uids) <= MOST_CURVES

    @property
    def done(self) -> int:
        """Planned runs that will not change any more."""
        return self.group.planned - self.counts.get("pending", 0) - self.counts.get("running", 0)


@dataclass(frozen=True)
class GroupLine:
    """One row of the list of groups."""

    group: RunGroup = about("The group.")
    completed: int = about("Runs that have completed.")
    live: int = about("Runs that are pending or running.")


@dataclass(frozen=True)
class GroupListPage:
    """Context of the list of groups."""

    lines: list[GroupLine] = about("The rows of this page.")
    page: Page[RunGroup] = about("Numbers of this, the previous and the next page.")


def listed_groups() -> QuerySet[RunGroup]:
    """Groups that have a run outside the trash, the newest first, without their configurations."""
    runs = TrainingRun.objects.visible().filter(group=OuterRef("pk"))
    return RunGroup.objects.filter(Exists(runs)).defer("config")


def group_list(number: int = 1) -> GroupListPage:
    """The groups, newest first; a page number past the end gives the last page."""
    page = Paginator(listed_groups(), PAGE_SIZE).get_page(number)
    counted = (
        TrainingRun.objects.visible()
        .filter(group__in=[group.pk for group in page])
        .values("group")
        .annotate(
            completed=Count("pk", filter=Q(status=RunStatus.COMPLETED)),
            live=Count("pk", filter=Q(status__in=LIVE)),
        )
    )
    counts = {row["group"]: (row["completed"], row["live"]) for row in counted}
    return GroupListPage([GroupLine(one, *counts.get(one.pk, (0, 0))) for one in page], page)


def group_page(group: RunGroup) -> GroupPage:
    """Everything about one group. One query for its runs, without their configurations."""
    held = _places(group)
    purge = _purge(group)
    folds = [_fold(group, number, held, purge) for number in range(1, group.folds + 1)]
    runs = [row.run for fold in folds for row in fold.rows]
    counts = Counter(str(run.status) if run else "deleted" for run in runs)
    verdict = judge_group(_members(folds), planned=group.planned)
    ended = not (counts["pending"] or counts["running"])
    return GroupPage(
        group=group,
        folds=folds,
        counts=dict(counts),
        ended=ended,
        verdict=verdict,
        lines=[_line(one) for one in verdict.comparisons],
        badge=_badge(verdict),
        scores=list(dict.fromkeys(one.score for one in verdict.comparisons)),
        baselines={one.baseline: BASELINES[one.baseline] for one in verdict.comparisons},
        chart=_chart(folds, verdict, by_seed=group.folds == 1),
    )


Places = dict[tuple[int | None, int | None], Any]


def _places(group: RunGroup) -> Places:
    """The newest run of every place (fold, seed): a retried one stands for what it replaces."""
    runs = group.runs.visible().order_by("pk").only(*_COLUMNS)
    dated = runs.annotate(
        max_epochs=KT("config__train__max_epochs"),
        start=KT("config__data__start"),
        test_start=KT("config__data__test_start"),
        test_end=KT("config__data__test_end"),
    )
    return {(run.fold, run.seed): run for run in dated}


def _purge(group: RunGroup) -> timedelta | None:
    try:
        return validate(group.config).purge
    except ConfigInvalid:  # made under an older schema
        return None


def _fold(group: RunGroup, number: int, held: Places, purge: timedelta | None) -> FoldRows:
    first = group.config["train"]["seed"]
    seeds = range(first, first + group.seeds)
    dated = next((held[number, seed] for seed in seeds if (number, seed) in held), None)
    tested = _instant(dated.test_start) if dated else None
    return FoldRows(
        number=number,
        learns_from=_instant(dated.start) if dated else None,
        learns_until=tested - purge if tested and purge is not None else None,
        tested_from=tested,
        tested_until=_instant(dated.test_end) if dated else None,
        rows=[_row(seed, held.get((number, seed))) for seed in seeds],
    )


def _instant(text: str | None) -> datetime | None:
    """An instant of the configuration; SQLite gives JSON's null as a word."""
    if text is None or text == "null":
        return None
    return datetime.fromisoformat(text)


def _row(seed: int, run: Any) -> RunRow:
    verdict = stored(Verdict, run.verdict) if run and run.status == RunStatus.COMPLETED else None
    return RunRow(
        seed=seed,
        run=run,
        max_epochs=int(run.max_epochs) if run and run.max_epochs else None,
        cancelling=bool(run) and is_cancelling(run),
        badge=badge_of(run) if run else None,
        leaking=bool(run) and leaks(run),
        comparisons=verdict.comparisons if verdict else (),
    )


def _members(folds: list[FoldRows]) -> list[Member]:
    return [
        Member(fold.number, row.seed, verdict, leaks=row.leaking)
        for fold in folds
        for row in fold.rows
        if row.comparisons and row.run and (verdict := stored(Verdict, row.run.verdict))
    ]


def _line(one: GroupComparison) -> BaselineLine:
    return BaselineLine(one, BASELINES[one.baseline], SCORES[one.score], BADGES[one.outcome])


def _badge(verdict: GroupVerdict) -> Badge:
    if verdict.outcome is None:
        return NOT_JUDGED
    if verdict.outcome is Outcome.BEATS and not verdict.edge:
        return UNPROVEN
    return BADGES[verdict.outcome]


def _chart(folds: list[FoldRows], verdict: GroupVerdict, *, by_seed: bool) -> dict[str, Any]:
    """Skill by the deciding score: per baseline, dots ``[x, skill]`` of runs.

    ``x`` is the fold, or the seed where there is one fold only.
    """
    baselines = list(dict.fromkeys(one.baseline for one in verdict.comparisons))
    return {
        "by": "seed" if by_seed else "fold",
        "score": SCORES[verdict.comparisons[0].score] if verdict.comparisons else "",
        "series": [
            {
                "key": key,
                "label": BASELINES[key],
                "dots": [
                    [row.seed if by_seed else fold.number, row.skills[key]]
                    for fold in folds
                    for row in fold.rows
                    if key in row.skills
                ],
            }
            for key in baselines
        ],
    }

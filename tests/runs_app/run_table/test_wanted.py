"""Which runs the filters find, and that they read nothing but the index of the list."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs_app.choices import RunStatus
from runs_app.home import home
from runs_app.models import LISTED, TrainingRun
from runs_app.run_table.columns import COLUMNS, SORTS
from runs_app.run_table.limits import read_limits
from runs_app.run_table.live import standing
from runs_app.run_table.page import choices, run_list
from runs_app.run_table.wanted import ONLY, WITH, RunFilter, filter_runs
from tests.factories import (
    make_completed_run,
    make_data_set,
    make_event,
    make_run,
    make_running_run,
)

pytestmark = pytest.mark.django_db


def _names(**wanted: object) -> list[str]:
    return [run.name for run in filter_runs(RunFilter(**wanted))]  # type: ignore[arg-type]


def test_several_states_and_verdicts() -> None:
    make_run(name="waits")
    make_running_run(name="runs")
    make_completed_run(name="beats", outcome="beats")
    make_completed_run(name="loses", outcome="loses")
    assert _names(statuses=("pending", "running")) == ["runs", "waits"]
    assert _names(outcomes=("beats", "loses")) == ["loses", "beats"]
    assert _names(outcomes=("beats",), statuses=("running",)) == []


def test_tags_are_whole_words_and_all_are_needed() -> None:
    make_run(name="both", tags=",base,long,")
    make_run(name="one", tags=",base,")
    make_run(name="other", tags=",baseline,")
    assert _names(tags=("base",)) == ["one", "both"]
    assert _names(tags=("base", "long")) == ["both"]
    assert _names(search="baseline") == ["other"]
    assert _names(tags=("b_se",)) == []


def test_a_search_finds_notes() -> None:
    make_run(name="one", note="without the volume of May")
    make_run(name="two", note="a search for other things")
    make_run(name="volume")
    assert _names(search="Volume") == ["volume", "one"]


def test_data_preset_dates_and_limits() -> None:
    data = make_data_set(path="one.csv")
    make_run(name="old", preset="tiny", data_set=data, val_loss=1.0, skill=0.02)
    make_run(name="new", preset="base", val_loss=2.0)
    TrainingRun.objects.filter(name="old").update(created_at=datetime(2026, 1, 2, 23, tzinfo=UTC))
    assert _names(data="one.csv") == ["old"]
    assert _names(data="none.csv") == []
    assert _names(preset="base") == ["new"]
    assert _names(created_from=date(2026, 1, 2), created_until=date(2026, 1, 2)) == ["old"]
    assert _names(created_until=date(2026, 1, 1)) == []
    assert _names(created_until=date.max) == ["new", "old"]
    assert _names(limits=read_limits("val_loss<1.5, skill>1%")[0]) == ["old"]
    assert _names(limits=read_limits("step<9e18")[0]) == []


def test_archived_runs_are_shown_when_asked_for() -> None:
    make_run(name="seen")
    make_run(name="away", archived_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert _names() == ["seen"]
    assert _names(archived=ONLY) == ["away"]
    assert _names(archived=WITH) == ["away", "seen"]


@pytest.mark.parametrize("key", SORTS)
@pytest.mark.parametrize("descending", [True, False])
def test_what_is_absent_comes_last(key: str, descending: bool) -> None:
    make_run(name="a", uid="a")
    full = {"epoch": 3, "step": 3, "skill": 0.5, "seconds": 2.0, "size_bytes": 9, "train_loss": 1.0}
    full |= dict.fromkeys(("val_loss", "best_val_loss", "val_nll", "val_crps", "val_da"), 1.0)
    make_run(name="b", uid="b", **full, val_pinball=1.0, val_rmse=1.0, val_f1=1.0)
    names = _names(sort=key, descending=descending)
    assert sorted(names) == ["a", "b"]
    column = SORTS[key].field
    if TrainingRun._meta.get_field(column).null and column != "created_at":
        assert names == ["b", "a"]


def test_every_column_that_is_looked_at_is_in_the_index_of_the_list() -> None:
    fields = {column.field for column in SORTS.values()}
    assert fields | {"tags", "preset", "data_set", "group", "uid", "name"} <= set(LISTED)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is written as SQLite does")
@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"search": "a", "tags": ("b",)},
        {"statuses": ("failed",), "outcomes": ("beats",), "sort": "val_crps"},
        {"limits": read_limits("val_loss<1")[0], "preset": "tiny", "sort": "skill"},
        {"data": "x.csv", "sort": "duration"},
    ],
)
def test_no_wide_row_is_read_to_find_a_page(wanted: dict[str, object]) -> None:
    plan = filter_runs(RunFilter(**wanted)).values_list("pk")[:25].explain()  # type: ignore[arg-type]
    assert "COVERING INDEX run_list" in plan


def test_neither_the_list_nor_its_live_rows_nor_home_read_the_event_table() -> None:
    runs = [make_running_run() for _ in range(3)]
    for run in runs:
        make_event(run)
    with CaptureQueriesContext(connection) as queries:
        every = RunFilter(columns=tuple(COLUMNS), archived=WITH, search="run", sort="val_loss")
        assert len(run_list(every).lines) == 3
        choices(every)
        assert len(standing(tuple(run.uid for run in runs), 0, "").lines()) == 3
        assert len(home().running) == 3
    assert queries
    read = [query["sql"] for query in queries if "runevent" in query["sql"]]
    assert read == []


def test_an_unchanged_row_has_the_same_tag_and_a_changed_one_another() -> None:
    run = make_running_run(status=RunStatus.RUNNING)
    uids = (run.uid,)
    before = standing(uids, run.pk, "")
    assert standing(uids, run.pk, "").etag == before.etag
    make_event(run)
    after = standing(uids, run.pk, "")
    assert after.etag != before.etag
    make_run()
    assert (standing(uids, run.pk, "").newer, after.newer) == (1, 0)

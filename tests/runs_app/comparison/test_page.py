"""What differs, what is best, and what may not be compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs_app.comparison.metrics import METRICS, Better
from runs_app.comparison.page import ComparisonPage, comparison
from runs_app.comparison.scores import ScoreRow
from runs_app.comparison.settings import SettingRow
from runs_app.comparison.wish import Wish
from runs_app.models import TrainingRun
from tests.factories import MOMENT, make_run, write_environment
from tests.runs_app.comparison.conftest import MakeScored


def page_of(*runs: TrainingRun, base: str = "", every: bool = False) -> ComparisonPage:
    return comparison(Wish(tuple(run.uid for run in runs), base=base, every=every))


def settings(page: ComparisonPage) -> dict[str, SettingRow]:
    return {row.path: row for group in page.settings for row in group.rows}


def scores(page: ComparisonPage) -> dict[str, ScoreRow]:
    return {row.metric.key: row for group in page.scores for row in group.rows}


def best(page: ComparisonPage, key: str) -> list[bool]:
    return [cell.best for cell in scores(page)[key].cells]


def test_only_settings_that_differ_are_shown(make_scored: MakeScored) -> None:
    runs = [make_scored("one"), make_scored("two", train={"seed": 8, "learning_rate": 0.5})]
    found = settings(page_of(*runs))
    assert found.keys() == {"train.seed", "train.learning_rate"}
    assert found["train.learning_rate"].label == "Learning rate"
    assert [cell.text for cell in found["train.learning_rate"].cells][1] == "0.5"
    every = page_of(*runs, every=True)
    assert settings(every)["model.d_model"].differs is False
    assert len(settings(every)) == every.same + 2


def test_the_odd_one_is_marked_or_what_differs_from_the_baseline(make_scored: MakeScored) -> None:
    runs = [make_scored(str(seed), train={"seed": seed}) for seed in (1, 1, 2)]
    marked = [cell.odd for cell in settings(page_of(*runs))["train.seed"].cells]
    assert marked == [False, False, True]
    against = page_of(*runs, base=runs[2].uid)
    assert [cell.odd for cell in settings(against)["train.seed"].cells] == [True, True, False]


def test_surroundings_are_compared_where_they_are_known(make_scored: MakeScored) -> None:
    """Two runs that differ in one package and in the state of their code; a third has not begun."""
    first, second, waits = make_scored("one"), make_scored("two"), make_run(name="waits")
    write_environment(first)
    code = {"commit": "c" * 40, "dirty": True, "diff_sha256": "f", "core_sha256": "e" * 64}
    write_environment(second, packages={"numpy": "1.9.0", "torch": "2.13.0"}, code=code)
    found = settings(page_of(first, second, waits))
    assert [path for path in found if path.startswith("environment.")] == [
        "environment.commit", "environment.packages.numpy",
    ]  # fmt: skip
    assert [cell.text for cell in found["environment.commit"].cells] == [
        "c" * 12, f"{'c' * 12}, changed", "–",
    ]  # fmt: skip
    numpy = found["environment.packages.numpy"]
    assert [cell.text for cell in numpy.cells] == ["2.0.0", "1.9.0", "–"]
    assert [cell.odd for cell in numpy.cells] == [False, True, False]
    every = settings(page_of(first, second, every=True))
    assert [cell.text for cell in every["environment.device"].cells] == ["CPU", "CPU"]


def test_a_setting_of_an_older_schema_is_shown_by_its_path(make_scored: MakeScored) -> None:
    run = make_scored("old")
    run.config["train"]["momentum"] = 0.9
    run.save()
    row = settings(page_of(run, make_scored("new")))["train.momentum"]
    assert [cell.text for cell in row.cells] == ["0.9", "–"]


def test_what_a_run_has_not_found_out_is_no_difference(make_scored: MakeScored) -> None:
    page = page_of(make_scored("done"), make_run())
    assert "fingerprint" not in settings(page)
    assert "device" not in settings(page)


def test_the_best_is_marked_by_its_direction(make_scored: MakeScored) -> None:
    page = page_of(
        make_scored("low", crps=0.001, covered=0.7), make_scored("high", crps=0.002, covered=0.96)
    )
    assert best(page, "val_crps") == [True, False]
    assert best(page, "test_crps") == [True, False]
    assert best(page, "val_da") == [False, True]
    assert best(page, "coverage_95") == [False, True]


def test_ties_are_marked_alike_and_missing_is_missing(make_scored: MakeScored) -> None:
    runs = [make_scored("a"), make_scored("b"), make_scored("c", crps=0.003), make_run()]
    cells = scores(page_of(*runs))["val_crps"].cells
    assert [cell.best for cell in cells] == [True, True, False, False]
    assert [cell.tied for cell in cells] == [True, True, False, False]
    assert cells[3].value is None


def test_where_all_are_the_same_none_is_best(make_scored: MakeScored) -> None:
    assert best(page_of(make_scored("a"), make_scored("b")), "val_crps") == [False, False]


def test_other_test_rows_are_named_and_nothing_is_marked(make_scored: MakeScored) -> None:
    dated = {"test_start": "2024-01-20T00:00:00Z"}
    page = page_of(
        make_scored("a"), make_scored("b", crps=0.002), make_scored("c", rows=0.003, data=dated)
    )
    assert any(
        "c was scored on other validation and test rows" in note and "test from" in note
        for note in page.notes
    )
    assert not any(best(page, "test_crps") + best(page, "val_crps"))
    assert page.drawn["baselines"] == {}
    assert "not drawn" in page.drawn["why_no_baselines"]


def test_baselines_are_drawn_where_all_were_scored_on_the_same_rows(
    make_scored: MakeScored,
) -> None:
    page = page_of(make_scored("a"), make_scored("b"), make_run())
    assert page.drawn["baselines"] == {"random_walk": {"val_rmse": 0.002, "val_crps": 0.001}}


def test_losses_of_different_kinds_are_not_compared(make_scored: MakeScored) -> None:
    page = page_of(make_scored("a"), make_scored("b", crps=0.002, loss={"kind": "gaussian_nll"}))
    assert best(page, "val_loss") == [False, False]
    assert best(page, "val_crps") == [True, False]
    assert any("losses are not comparable" in note for note in page.notes)


def test_numbers_that_differ_and_scores_are_axes(make_scored: MakeScored) -> None:
    page = page_of(
        make_scored("a", train={"seed": 1}),
        make_scored("b", train={"seed": 2}, loss={"kind": "gaussian_nll"}),
    )
    axes = {axis["key"]: axis for axis in page.drawn["axes"]}
    assert axes["train.seed"]["values"] == [1.0, 2.0]
    assert axes["loss.kind"]["kind"] == "category"
    assert axes["val_crps"]["values"] == [10.0, 10.0]
    assert axes["val_crps"]["score"]


def test_a_broken_file_of_a_run_is_a_missing_score(
    make_scored: MakeScored, runs_root: Path
) -> None:
    run = make_scored("broken")
    (runs_root / run.uid / "metrics.json").write_text('{"scores": [1')
    (runs_root / run.uid / "report.json").write_text('{"coverage": [{"nominal": "x"}, 3]}')
    page = page_of(run, make_scored("whole"))
    assert scores(page)["test_crps"].cells[0].value is None
    assert scores(page)["coverage_95"].cells[0].value is None


def test_a_nan_is_no_score(make_scored: MakeScored) -> None:
    run = make_scored("nan")
    run.metrics["best"]["val_crps"] = "NaN"
    run.save()
    cells = scores(page_of(run, make_scored("b"), make_scored("c", crps=0.002)))["val_crps"].cells
    assert [cell.best for cell in cells] == [False, True, False]
    assert cells[0].value is None


def test_twenty_runs_take_as_many_queries_as_two(make_scored: MakeScored) -> None:
    runs = [make_scored(str(n)) for n in range(20)]
    with CaptureQueriesContext(connection) as queries:
        page = page_of(*runs)
    assert len(queries) == 1
    assert len({(one.hue, one.dash) for one in page.columns}) == 20


def test_every_score_has_a_direction() -> None:
    assert {metric.key: metric.better for metric in METRICS if metric.key.startswith("val")} == {
        "val_loss": Better.LOWER, "val_nll": Better.LOWER, "val_crps": Better.LOWER,
        "val_pinball": Better.LOWER, "val_rmse": Better.LOWER, "val_da": Better.HIGHER,
        "val_f1": Better.HIGHER,
    }  # fmt: skip
    assert len({metric.key for metric in METRICS}) == len(METRICS)
    assert all(metric.direction for metric in METRICS)


def test_a_run_in_the_trash_is_not_compared(make_scored: MakeScored) -> None:
    gone = make_scored("gone")
    gone.trashed_at = MOMENT
    gone.save()
    page = page_of(make_scored("a"), make_scored("b"), gone)
    assert len(page.columns) == 2
    assert gone.uid in page.problems[0]


@pytest.mark.parametrize("gone", ["zzz", "zzz,yyy"])
def test_runs_that_are_not_there_are_named(make_scored: MakeScored, gone: str) -> None:
    run = make_scored("here")
    page = comparison(Wish((run.uid, *gone.split(","))))
    assert [column.run for column in page.columns] == [run]
    assert all(uid in page.problems[0] for uid in gone.split(","))

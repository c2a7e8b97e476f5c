"""The page and the JSON of one decision: what the core found, and sentences where it cannot."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.cache import cache
from django.test import Client

from runs_app.choices import RunStatus
from runs_app.forecasting.config.input_words import INPUTS
from runs_app.forecasting.config.schema import FeaturesConfig, Indicator
from runs_app.forecasting.data.features import compute_features
from runs_app.forecasting.data.resample import resample
from runs_app.forecasting.evaluation.judged_rows import column_names
from runs_app.forms.decision_picture import density_picture, timeframe_lines
from runs_app.models import TrainingRun
from runs_app.services import decisions
from runs_app.services.decision_times import address
from runs_app.services.decisions import find_decision
from tests.factories import make_run
from tests.runs_app.decided import put_in_place, train_once
from tests.synthetic import random_candles

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_once(tmp_path_factory.mktemp("decided"))


@pytest.fixture
def run(trained: Path, data_root: Path, runs_root: Path, db: None) -> TrainingRun:
    cache.clear()
    return put_in_place(trained, data_root, runs_root)


def times_of(run: TrainingRun, runs_root: Path) -> list[int]:
    table = pq.read_table(runs_root / run.uid / "predictions.parquet").to_pylist()
    return [round(row["time"].timestamp() * 1000) for row in table if row["split"] == "test"]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_page_and_json_show_the_same_decision(
    browser: Client, run: TrainingRun, runs_root: Path
) -> None:
    times = times_of(run, runs_root)
    at = address(times[40])
    told = Client().get(f"/runs/{run.uid}/decisions", {"at": at}).json()
    assert (told["at"], told["total"]) == (at, len(times))
    assert (told["previous"], told["next"]) == (address(times[39]), address(times[41]))
    assert (told["first"], told["last"]) == (address(times[0]), address(times[-1]))
    assert told["verified"] is True
    assert told["problem"] == ""
    one = told["decision"]
    assert (one["at"], one["place"]) == (times[40], 41)
    page = browser.get(f"/runs/{run.uid}/decisions", {"at": at}).content.decode()
    text = words(page)
    assert f"no. 41 of {len(times):,} in the test part" in text
    assert f"loss no. {one['loss_rank']:,} of {len(times):,}" in text
    for key in ("previous", "next"):
        assert f'href="?at={told[key].replace(":", "%3A")}"' in page
    for forecaster in one["forecasters"]:
        assert f'class="of-{forecaster["key"]}"' in page
        assert f"{1e4 * forecaster['crps']:#.4g}".rstrip(".") in text
    for seen in one["inputs"]["timeframes"]:
        assert f'data-timeframe="{seen["timeframe"]}"' in page
        assert f'data-unseen="{seen["timeframe"]}"' in page
        assert seen["last"]["available_at"] <= one["at"] < seen["coming"]["available_at"]
        for value in seen["features"]:
            assert INPUTS[value["name"]].title in text
    assert text.count("not visible yet") == 2
    assert "this run recorded no means" not in text


def test_without_a_time_it_is_the_newest(run: TrainingRun, runs_root: Path) -> None:
    told = Client().get(f"/api/runs/{run.uid}/decisions").json()
    assert told["at"] == told["last"] == address(times_of(run, runs_root)[-1])
    assert told["next"] is None


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.000Z", "%Y-%m-%dT%H:%M+00:00"],
)
def test_a_time_may_be_written_in_several_ways(
    run: TrainingRun, runs_root: Path, form: str
) -> None:
    at = times_of(run, runs_root)[7]
    text = datetime.fromtimestamp(at / 1000, UTC).strftime(form)
    assert find_decision(run, f" {text} ").decision.at == at
    # As a program sends it that does not escape the +.
    assert Client().get(f"/runs/{run.uid}/decisions?at={text}").status_code == 200


@pytest.mark.parametrize(
    ("at", "said", "nearest"),
    [
        ("then", "must be a time in UTC such as", -1),
        ("2024-13-01", "must be a time in UTC such as", -1),
        ("0001-01-01T00:00+14:00", "must be a time in UTC such as", -1),
        ("x" * 4000, "not what was sent", -1),
        ("1999-01-01", "before the test part", 0),
        ("2199-01-01T00:00Z", "after the test part", -1),
        ("+20 s", "when no decision of the test part was taken", 3),
        ("+0.0004 s", "when no decision of the test part was taken", 3),
    ],
)
def test_a_time_that_is_none_is_said_with_the_nearest(
    browser: Client, run: TrainingRun, runs_root: Path, at: str, said: str, nearest: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(decisions, "ask_core", lambda *_: pytest.fail("a process was started"))
    times = times_of(run, runs_root)
    if at.endswith(" s"):
        moment = datetime.fromtimestamp(times[3] / 1000 + float(at[:-2]), UTC)
        at = moment.isoformat()
    offered = address(times[nearest])
    answer = Client().get(f"/runs/{run.uid}/decisions", {"at": at})
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert problem["path"] == "at"
    assert said in problem["msg"]
    assert offered in problem["msg"]
    answer = browser.get(f"/runs/{run.uid}/decisions", {"at": at})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    assert f'<a href="?at={offered.replace(":", "%3A")}">Show {offered}</a>' in page


def test_neighbours_come_from_one_process(
    run: TrainingRun, runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    real = decisions.ask_core
    monkeypatch.setattr(decisions, "ask_core", lambda one: asked.append(one) or real(one))
    times = times_of(run, runs_root)
    found = [find_decision(run, address(at)) for at in times[16:20]]
    assert [one.decision.at for one in found] == times[16:20]
    assert len(asked) == 1
    last = find_decision(run)
    assert last.decision.at == times[-1]
    assert last.next is None


def test_other_candles_are_said_and_seen_again_when_they_are_back(
    browser: Client, run: TrainingRun, data_root: Path
) -> None:
    kept = (data_root / "candles.csv").read_bytes()
    (data_root / "candles.csv").unlink()
    page = browser.get(f"/runs/{run.uid}/decisions").content.decode()
    assert "The inputs cannot be shown" in page
    assert 'id="said"' in page
    assert 'id="seen"' not in page
    told = Client().get(f"/runs/{run.uid}/decisions").json()
    assert told["decision"]["inputs"] is None
    assert "candles.csv" in told["problem"]
    (data_root / "candles.csv").write_bytes(kept)
    assert Client().get(f"/runs/{run.uid}/decisions").json()["problem"] == ""


def test_a_run_of_an_older_version_says_what_it_did_not_keep(
    browser: Client, run: TrainingRun, runs_root: Path
) -> None:
    file = runs_root / run.uid / "predictions.parquet"
    table = pq.read_table(file).replace_schema_metadata(None)
    pq.write_table(table.select(column_names()[:20]), file)
    report = runs_root / run.uid / "report.json"
    stored = json.loads(report.read_text())
    del stored["largest"]
    report.write_text(json.dumps(stored))
    page = words(browser.get(f"/runs/{run.uid}/decisions").content.decode())
    assert "judged before the forecasts of the baselines were kept by decision" in page
    assert "this run recorded no means and deviations" in page
    page = words(browser.get(f"/runs/{run.uid}/report").content.decode())
    assert "judged before its largest losses were kept" in page


def test_the_report_leads_to_the_largest_losses(
    browser: Client, run: TrainingRun, runs_root: Path
) -> None:
    stored = json.loads((runs_root / run.uid / "report.json").read_text())["largest"]
    page = browser.get(f"/runs/{run.uid}/report").content.decode()
    found = re.findall(r'href="/runs/[^"]+/decisions\?at=([^"]+)"', page)
    assert found == [address(at).replace(":", "%3A") for at in stored["time"]]
    assert f'data-decisions="/runs/{run.uid}/decisions"' in page
    told = Client().get(f"/runs/{run.uid}/decisions", {"at": address(stored["time"][0])}).json()
    assert told["decision"]["loss_rank"] == 1
    assert told["decision"]["forecasters"][0]["nll"] == pytest.approx(stored["losses"]["model"][0])


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RunStatus.PENDING, "There is no report yet"),
        (RunStatus.CANCELLED, "it was cancelled before its end"),
        (RunStatus.COMPLETED, "its files were removed, or an older version"),
    ],
)
def test_a_run_without_decisions_is_a_sentence(
    browser: Client, runs_root: Path, status: RunStatus, said: str
) -> None:
    run = make_run(status=status)
    answer = browser.get(f"/runs/{run.uid}/decisions")
    assert answer.status_code == 404
    assert said in answer.content.decode()
    told = Client().get(f"/runs/{run.uid}/decisions?at=2024-01-01")
    assert told.status_code == 404
    assert said in told.json()["detail"]


def test_damaged_predictions_are_a_sentence(
    browser: Client, run: TrainingRun, runs_root: Path
) -> None:
    (runs_root / run.uid / "predictions.parquet").write_bytes(b"PAR1 and nothing more")
    answer = browser.get(f"/runs/{run.uid}/decisions")
    assert answer.status_code == 404
    assert "predictions.parquet is damaged" in answer.content.decode()


def test_an_unknown_run_has_no_decisions(browser: Client, db: None) -> None:
    assert browser.get("/runs/none/decisions").status_code == 404
    assert Client().get("/runs/none/decisions").status_code == 404


def test_pictures_stand_where_the_numbers_say(run: TrainingRun) -> None:
    one = find_decision(run).decision
    picture = density_picture(one)
    span = one.grid[-1] - one.grid[0]
    for x, value in (
        (picture.outcome_x, one.outcome), (picture.zero_x, 0.0),
        (picture.location_x, one.forecasters[0].location),
    ):  # fmt: skip
        assert x == pytest.approx(1000 * (value - one.grid[0]) / span, abs=0.06)
    assert [curve.key for curve in picture.curves][-1] == "model"  # drawn over the others
    assert picture.right_price == pytest.approx(one.close * np.exp(one.grid[-1]))
    for lines in timeframe_lines(one):
        for line in lines.inputs:
            assert (line.x < 100) == (line.value.scaled < 0)
            assert line.width == pytest.approx(25 * min(abs(line.value.scaled), 4), abs=0.06)


def test_every_input_is_told_in_words() -> None:
    config = FeaturesConfig(indicators=tuple(Indicator), calendar=True)
    found = compute_features(resample(random_candles(400), "1m"), config)
    assert set(found.names) == set(INPUTS)
    titles = [one.title for one in INPUTS.values()]
    assert len(set(titles)) == len(titles)

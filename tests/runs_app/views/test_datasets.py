"""The data sets: their list, the report of each, and the answers to what a file leaves open."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from runs_app.choices import DataSetState
from runs_app.execution.intake import import_waiting
from runs_app.forecasting.data.imports import file_sha256
from runs_app.models import DataSet, TrainingRun
from runs_app.services.remove_dataset import runs_on
from tests.conftest import Plans
from tests.factories import make_data_set, make_run
from tests.synthetic import random_candles, write_candles

pytestmark = pytest.mark.django_db


def read_all(browser: Client) -> dict[str, DataSet]:
    """The data sets by name once all files of DATA_ROOT have been read."""
    browser.get("/datasets")
    import_waiting()
    return {row.name: row for row in DataSet.objects.all()}


def test_good_and_bad_files_are_listed(browser: Client, candles: Path, data_root: Path) -> None:
    (data_root / "broken.csv").write_text("time,open,high,low,close,volume\nnever,1,2,0,1,5\n")
    first = browser.get("/datasets").content.decode()
    assert "Waiting to be read" in first
    assert 'hx-trigger="every 2s"' in first
    import_waiting()
    page = browser.get("/datasets").content.decode()
    assert "86,400" in page
    assert ">2024-01-01 00:00</time>" in page
    assert "Cannot be used" in page
    assert 'hx-trigger="every 2s"' not in page


def test_an_empty_folder_says_what_to_put_there(browser: Client, data_root: Path) -> None:
    page = browser.get("/datasets").content.decode()
    assert "No candle file yet" in page
    assert ".parquet" in page


def test_page_json_and_command_tell_the_same(
    browser: Client, data_root: Path, shared_data: Path
) -> None:
    source = shared_data / "dirty" / "bad_quotes.csv"
    (data_root / source.name).write_bytes(source.read_bytes())
    row = read_all(browser)["bad_quotes"]
    assert row.state == DataSetState.REPAIRABLE
    page = browser.get(f"/datasets/{row.pk}").content.decode()
    report = Client().get(f"/datasets/{row.pk}").json()["report"]
    out = StringIO()
    with pytest.raises(CommandError, match="cannot be used as it is"):
        call_command("inspect_data", str(data_root / source.name), "--json", stdout=out)
    assert json.loads(out.getvalue()) == report == row.report
    text = StringIO()
    with pytest.raises(CommandError):
        call_command("inspect_data", row.name, stdout=text)
    counts = {item["kind"]: item["count"] for item in report["findings"]}
    assert counts["unreadable_time"] == 50
    for item in report["findings"]:
        assert item["title"] in text.getvalue()
        assert f"{item['count']:,} {item['title']}" in text.getvalue()
        title = item["title"][0].upper() + item["title"][1:]
        assert f'<td class="num">{item["count"]:,}</td>' in page
        assert title in page
    assert report["problem"] in text.getvalue()
    assert "337 bars of 1d" in page
    assert "337 bars of 1d" in text.getvalue()


def test_the_original_stays_and_the_candles_are_kept(
    browser: Client, candles: Path, settings: Settings
) -> None:
    before = file_sha256(candles)
    row = read_all(browser)["BTCUSDT_1m"]
    assert file_sha256(candles) == before == row.source_sha256
    kept = Path(settings.DATASETS_ROOT) / row.store_key / "candles.parquet"
    assert file_sha256(kept) == row.parquet_sha256
    page = browser.get(f"/datasets/{row.pk}").content.decode()
    assert row.parquet_sha256 in page
    assert row.candles_sha256 in page
    assert "robust deviations" in page  # jumps of heavy tails, noted


def test_a_question_is_asked_answered_and_read_again(browser: Client, data_root: Path) -> None:
    rows = [f"{1_700_000_000 + 60 * i},11,11,11,11,5" for i in range(300)]
    (data_root / "flat.csv").write_text("\n".join(rows))
    row = read_all(browser)["flat"]
    assert row.state == DataSetState.QUESTION
    address = f"/datasets/{row.pk}"
    assert "A question about this file" in browser.get(address).content.decode()
    launch = {"config": {"data_source": "flat.csv", "timeframes": ["1m"]}}
    refused = Client().post("/runs", launch, content_type="application/json").json()["detail"]
    assert "data.column_order=ohlc or ochl" in refused[0]["msg"]
    bad = browser.post(address, {"date_order": "auto", "column_order": "sideways"}, follow=True)
    assert "must be one of auto, ohlc" in bad.content.decode()
    browser.post(address, {"date_order": "auto", "column_order": "ohlc"})
    assert 'hx-trigger="every 1s"' in browser.get(address).content.decode()
    import_waiting()
    row.refresh_from_db()
    assert (row.state, row.bars, row.column_order) == (DataSetState.USABLE, 300, "ohlc")
    assert "Your answers about this file" in browser.get(address).content.decode()
    again = Client().post(address, {"column_order": "ochl"}, content_type="application/json")
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    wrong = Client().post(address, {"date_order": "x"}, content_type="application/json")
    assert wrong.status_code == 422


def test_an_answer_goes_into_every_run_on_the_data(browser: Client, data_root: Path) -> None:
    candles = random_candles(3000, seed=3)
    path = write_candles(data_root / "bare.csv", candles)
    lines = path.read_text().splitlines()[1:]
    first = lines[0].split(",")
    lines[0] = ",".join([*first[:2], first[3], first[2], *first[4:]])  # now neither order fits
    path.write_text("\n".join(lines))
    row = read_all(browser)["bare"]
    assert row.state == DataSetState.QUESTION
    browser.post(f"/datasets/{row.pk}", {"date_order": "auto", "column_order": "ohlc"})
    config = {
        "data_source": "bare", "timeframes": ["1m"], "repair": True, "long_horizon": "1h",
        "context_bars": 16,
    }  # fmt: skip
    answer = Client().post("/runs", {"config": config}, content_type="application/json")
    assert answer.status_code == 201, answer.json()
    assert TrainingRun.objects.get().config["data"]["column_order"] == "ohlc"


def test_the_newest_runs_on_it_are_listed_and_others_only_told_of(
    browser: Client, candles: Path
) -> None:
    (row,) = read_all(browser).values()
    for number in range(12):
        make_run(name=f"on it {number}", data_set=row)
    make_run(name="elsewhere", data_set=make_data_set())
    page = browser.get(f"/datasets/{row.pk}").content.decode()
    places = [page.index(f">on it {number}<") for number in range(11, 1, -1)]
    assert places == sorted(places)
    assert ">on it 1<" not in page
    assert "and more" in page
    assert "elsewhere" not in page


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is written as SQLite does")
def test_the_wide_rows_of_other_runs_are_not_read_to_find_those_on_it(plans: Plans) -> None:
    row, other = make_data_set(), make_data_set()
    mine = make_run(data_set=row)
    make_run(data_set=other)
    with CaptureQueriesContext(connection) as queries:
        assert runs_on(row, 11) == [mine]
    keys, by_key = plans(queries)
    assert "COVERING INDEX run_list" in keys
    assert "INTEGER PRIMARY KEY" in by_key
    assert not any('"config"' in one["sql"] for one in queries.captured_queries)


def test_there_is_no_such_data_set(browser: Client, data_root: Path) -> None:
    assert browser.get("/datasets/99").status_code == 404
    assert Client().get("/datasets/99").status_code == 404


def test_the_row_ledger_in_the_builder_and_in_json(browser: Client, candles: Path) -> None:
    payload = {"config": {"data_source": "BTCUSDT_1m", "long_horizon": "1d"}}
    answer = Client().post("/datasets/rows", payload, content_type="application/json")
    ledger = answer.json()
    assert answer.status_code == 200, ledger
    lost = ledger["warmup"] + ledger["tail"] + ledger["gap"] + ledger["between"]
    assert ledger["decision_bars"] - lost == ledger["used"] > 0
    browser.get("/runs/new/data?draft=d1")
    browser.post("/runs/new/data?draft=d1", {"go": "save", "data-source": "BTCUSDT_1m.csv"})
    browser.post("/runs/new/horizons?draft=d1", {"go": "save", "horizons-long": "1d"})
    fragment = browser.get("/runs/new/rows?draft=d1", headers={"hx-request": "true"})
    text = fragment.content.decode()
    assert "Whole report" in text
    wrong = browser.post("/runs/new/horizons?draft=d1", {"go": "save", "horizons-long": "1x"})
    assert wrong.status_code == 204
    text = browser.get("/runs/new/rows?draft=d1").content.decode()
    assert (
        "cannot be shown yet: " in text
        and "Long-term horizon &#x27;1x&#x27; is not a duration" in text
    )


def test_import_data_copies_from_elsewhere_and_says_what_became_of_it(
    data_root: Path, tmp_path: Path
) -> None:
    outside = write_candles(tmp_path / "fresh.csv", random_candles(400, seed=1))
    out = StringIO()
    call_command("import_data", str(outside), stdout=out)
    assert "fresh: usable; 400 bars of 1m" in out.getvalue()
    assert (data_root / "fresh.csv").read_bytes() == outside.read_bytes()
    write_candles(outside, random_candles(401, seed=1))
    with pytest.raises(CommandError, match="exists already with other content"):
        call_command("import_data", str(outside))
    (data_root / "bad.csv").write_text("time,open\n1,2\n")
    with pytest.raises(CommandError, match="1 of 2 cannot be used"):
        call_command("import_data", "fresh", "bad.csv", stdout=StringIO())
    with pytest.raises(CommandError, match="names neither"):
        call_command("import_data", "nothing.csv")

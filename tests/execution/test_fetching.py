"""A fetch as a job: in slices, cancelled, lost and taken up again. With the real core process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django import Settings

from runs_app import tasks
from runs_app.choices import JobKind, JobReason, JobState, Origin
from runs_app.execution import fetching, job_claims, jobs
from runs_app.forecasting.data.fetch_wish import read_state, read_wish
from runs_app.models import DataSet, Job
from runs_app.services.fetch import cancel_fetch, find_fetch, request_fetch
from tests.exchange_server import MINUTE_MS, LocalExchange, serving

pytestmark = pytest.mark.django_db
FIRST = 1_704_067_200_000
BARS = 3000


@pytest.fixture
def exchange(tmp_path: Path, settings: Settings) -> Iterator[LocalExchange]:
    settings.DATA_ROOT = tmp_path / "data"
    settings.DATA_ROOT.mkdir()
    settings.FETCHES_ROOT = tmp_path / "fetches"
    with serving(FIRST, FIRST + (BARS - 1) * MINUTE_MS) as server:
        settings.EXCHANGE_MIRRORS = {"binance": server.url}
        yield server


WISH = ("binance", "BTC/USDT", "1m", "2024-01-01", "2024-01-10")


def test_a_job_becomes_a_data_set_with_its_provenance(exchange: LocalExchange) -> None:
    job = request_fetch(read_wish(*WISH))
    assert request_fetch(read_wish(*WISH)) == job  # the same is not fetched twice at once
    tasks.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.message) == (JobState.DONE, "")
    row = DataSet.objects.get()
    assert (row.path, row.origin) == ("binance_BTC-USDT_1m.parquet", Origin.FETCHED)
    assert row.provenance["symbol"] == "BTC/USDT"
    assert row.provenance["fetched_at"].endswith("Z")
    assert not fetching.folder_of(read_wish(*WISH)).exists()
    browser = Client(headers={"accept": "text/html"})
    page = browser.get(f"/datasets/fetches/{job.uid}").content.decode()
    assert "3,000" in page
    assert f"/datasets/{row.pk}" in page
    assert "BTC/USDT of binance" in browser.get(f"/datasets/{row.pk}").content.decode()
    told = Client().get(f"/datasets/fetches/{job.uid}").json()
    assert (told["state"], told["dataset"]) == ("done", row.pk)


def test_a_file_that_a_page_saw_first_is_the_fetch_s_all_the_same(
    exchange: LocalExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = fetching.ask_core

    def ask_and_list(*arguments: Any, **more: Any) -> dict[str, Any]:
        answer = ask(*arguments, **more)
        Client().get("/datasets")
        assert DataSet.objects.get().origin != Origin.FETCHED
        return answer

    monkeypatch.setattr(fetching, "ask_core", ask_and_list)
    tasks.carry_out(request_fetch(read_wish(*WISH)).pk)
    row = DataSet.objects.get()
    assert (row.origin, row.provenance["exchange"]) == (Origin.FETCHED, "binance")


def test_slices_put_it_back_into_the_queue(
    exchange: LocalExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SLICE_SECONDS", 0.01)
    monkeypatch.setattr(
        fetching, "command_of", lambda wish, made=fetching.command_of: made(wish, 0.01)
    )
    exchange.pause = 0.05
    job = request_fetch(read_wish(*WISH))
    states = []
    while job.state not in (JobState.DONE, JobState.FAILED):
        tasks.carry_out(job.pk)
        job.refresh_from_db()
        states.append(job.state)
    assert states[0] == JobState.WAITING
    assert states[-1] == JobState.DONE
    assert job.facts["bars"] == BARS
    assert exchange.pages == sorted(set(exchange.pages))


def test_cancelled_it_ends_and_the_same_request_goes_on(
    exchange: LocalExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = read_wish(*WISH)
    job = request_fetch(asked)
    exchange.pause = 0.5
    fetch_page = fetching.read_state

    def cancel_after_a_page(folder: Path) -> object:
        state = fetch_page(folder)
        if state.rows:
            cancel_fetch(find_fetch(job.uid))
        return state

    monkeypatch.setattr(fetching, "read_state", cancel_after_a_page)
    monkeypatch.setattr("runs_app.execution.core_process.WATCH_SECONDS", 0.1)
    tasks.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.reason) == (JobState.CANCELLED, JobReason.CANCELLED)
    kept = read_state(fetching.folder_of(asked)).rows
    assert 0 < kept < BARS
    assert not cancel_fetch(job)
    monkeypatch.undo()
    exchange.pause = 0.0
    exchange.pages.clear()
    again = request_fetch(asked)
    assert again != job
    tasks.carry_out(again.pk)
    again.refresh_from_db()
    assert again.facts["bars"] == BARS
    assert exchange.pages[0] == FIRST + kept * MINUTE_MS


def test_a_worker_that_ends_leaves_it_waiting(
    exchange: LocalExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs_app.execution.core_process.WATCH_SECONDS", 0.1)
    exchange.pause = 30.0
    job = request_fetch(read_wish(*WISH))
    job_claims.ENDING.set()
    try:
        tasks.carry_out(job.pk)
    finally:
        job_claims.ENDING.clear()
    job.refresh_from_db()
    assert (job.state, job.worker, job.losses) == (JobState.WAITING, "", 0)


def test_a_fetch_does_not_hold_back_other_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    monkeypatch.setattr(jobs, "carry_out", done.append)
    monkeypatch.setattr(jobs, "_wake", lambda _: None)
    fetch = Job.objects.create(kind=JobKind.FETCH)
    other = Job.objects.create(kind=JobKind.PREDICTION)
    with tasks.ONE_FETCH:
        tasks.carry_out(fetch.pk)
        tasks.carry_out(other.pk)
    assert done == [other.pk]


def test_a_refusal_is_told_on_the_page(exchange: LocalExchange) -> None:
    job = request_fetch(read_wish("binance", "BTD/USDT", "1m", "2024-01-01"))
    tasks.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.reason) == (JobState.FAILED, JobReason.DATA)
    browser = Client(headers={"accept": "text/html"})
    page = browser.get(f"/datasets/fetches/{job.uid}").content.decode()
    assert "has no spot market BTD/USDT" in page
    assert "Failed: data" in page
    assert "Go on" in page


def test_form_and_json_name_the_field_at_fault(exchange: LocalExchange) -> None:
    browser = Client(headers={"accept": "text/html"})
    values = {"exchange": "binance", "symbol": "nonsense", "timeframe": "1m", "since": "soon"}
    page = browser.post("/datasets/fetches", values)
    assert page.status_code == 422
    assert "Must be base/quote of a spot market" in page.content.decode()
    assert 'value="NONSENSE"' in page.content.decode() or "nonsense" in page.content.decode()
    answer = Client().post("/datasets/fetches", values, content_type="application/json")
    assert answer.status_code == 422
    assert {item["path"] for item in answer.json()["detail"]} == {"symbol", "since"}
    good = values | {"symbol": "BTC/USDT", "since": "2024-01-01"}
    sent = browser.post("/datasets/fetches", good)
    assert sent["Location"] == f"/datasets/fetches/{Job.objects.get().uid}"
    cancelled = Client().post(f"/datasets/fetches/{Job.objects.get().uid}/cancel")
    assert cancelled.json()["state"] == "cancelled"
    assert Client().post(f"/datasets/fetches/{Job.objects.get().uid}/cancel").status_code == 409
    assert Client().get("/datasets/fetches/nothing").status_code == 404


def test_the_command_fetches_and_tells(exchange: LocalExchange) -> None:
    out = StringIO()
    call_command(
        "fetch_candles", *WISH[:3], "--since", "2024-01-01", "--until", "2024-01-10",
        stdout=out, stderr=StringIO(),
    )  # fmt: skip
    assert out.getvalue().startswith("binance_BTC-USDT_1m.parquet: 3,000 bars, 2024-01-01 00:00")
    assert DataSet.objects.get().origin == Origin.FETCHED
    with pytest.raises(CommandError, match="exchange: must be one of"):
        call_command("fetch_candles", "nowhere", "BTC/USDT", "1m")
    with pytest.raises(CommandError, match="has no spot market"):
        call_command("fetch_candles", "binance", "NO/USDT", "1m", stderr=StringIO())


def test_old_pages_are_forgotten(tmp_path: Path, settings: Settings) -> None:
    settings.FETCHES_ROOT = tmp_path
    for name in ("old", "fresh"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.json").write_text("{}")
    os.utime(tmp_path / "old" / "state.json", (1, 1))
    assert fetching.forget_old() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["fresh"]

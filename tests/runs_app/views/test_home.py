"""The home page: what runs, what ended, and the way to a first run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from runs_app.choices import RunStatus
from runs_app.forecasting.data.sample import FILE_NAME
from tests.runs_app.views.conftest import MakeRun

pytestmark = pytest.mark.django_db


def test_an_empty_home_leads_to_the_sample_data(
    browser: Client, data_root: Path, sample_file: Path
) -> None:
    (data_root / FILE_NAME).write_bytes(sample_file.read_bytes())
    page = browser.get("/").content.decode()
    assert "Start your first run" in page
    assert "/runs/new?sample" in page


def test_without_sample_data_home_says_where_candles_go(browser: Client, data_root: Path) -> None:
    page = browser.get("/").content.decode()
    assert "Put a candle file" in page
    assert "?sample" not in page


def test_live_and_recent_runs_stand_apart(browser: Client, make_run: MakeRun) -> None:
    make_run("waits")
    make_run("trains", status=RunStatus.RUNNING)
    make_run("is done", status=RunStatus.COMPLETED)
    page = browser.get("/").content.decode()
    cards = dict(
        re.findall(r'<div class="card" id="home-(\w+)">(.*?)(?=<div class="card" id)', page, re.S)
    )
    for card, name in (("now", "trains"), ("queue", "waits"), ("recent", "is done")):
        assert [part for part in cards if name in cards[part]] == [card]
    assert '1 running · <a href="/queue">1 waiting</a>' in page


def test_htmx_gets_the_live_part_alone(browser: Client, make_run: MakeRun) -> None:
    make_run()
    answer = browser.get("/", headers={"hx-request": "true"})
    assert answer.content.decode().strip().startswith('<div id="home-live"')
    assert "HX-Request" in answer["Vary"]


def test_every_page_names_no_other_host(browser: Client, make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.COMPLETED)
    for address in ("/", "/runs", "/runs/new/data?draft=d", "/datasets", f"/runs/{run.uid}", "/no"):
        page = browser.get(address).content.decode()
        assert "http://" not in page.replace("http://www.w3.org", "")
        assert "https://" not in page
        assert "<script>" not in page, "an inline script; the content security policy refuses it"


def test_waiting_runs_stand_in_the_order_of_the_queue(browser: Client, make_run: MakeRun) -> None:
    make_run("later", rank=2)
    make_run("sooner", rank=1)
    make_run("soonest", rank=3, priority=1)
    page = browser.get("/").content.decode()
    assert page.index("soonest") < page.index("sooner<") < page.index("later")


def test_results_are_sentences(browser: Client, make_run: MakeRun) -> None:
    verdict = {"sentence": "It beats GARCH(1,1)-t on the test part."}
    done = {"status": RunStatus.COMPLETED, "outcome": "beats", "verdict": verdict}
    make_run("good", **done)
    make_run("leaky", leaks={"passed": False}, **done)
    make_run("bad", status=RunStatus.FAILED, message="Out of memory at step 7.")
    make_run("away", archived_at=timezone.now(), **done)
    page = browser.get("/").content.decode()
    assert "It beats GARCH(1,1)-t on the test part." in page
    assert "Not to be believed, its leak check failed." in page
    assert "Out of memory at step 7." in page
    assert ">away</a>" not in page


def test_what_trains_shows_how_far_it_is(browser: Client, make_run: MakeRun) -> None:
    make_run(
        "trains", status=RunStatus.RUNNING, step=50, epoch=1, val_loss=0.25,
        metrics={"steps_per_epoch": 100, "eta_seconds": 125.0},
    )  # fmt: skip
    page = browser.get("/").content.decode()
    assert "<dd>0.2500</dd>" in page
    assert "2 min 5 s" in page
    share = re.search(r'<progress class="bar mt-2" max="1" value="([0-9.]+)"', page)
    assert share
    assert 0 < float(share[1]) < 0.5


def test_the_first_run_is_two_clicks_away(
    browser: Client, data_root: Path, sample_file: Path
) -> None:
    (data_root / FILE_NAME).write_bytes(sample_file.read_bytes())
    assert 'href="/runs/new?sample"' in browser.get("/").content.decode()
    first = browser.get("/runs/new?sample", follow=True)
    assert "Start training" in first.content.decode()
    assert "is-invalid" not in first.content.decode()

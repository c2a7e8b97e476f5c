"""The run table: search, filter, order, pages, and the cancel button."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from runs_app.choices import RunStatus
from runs_app.models import TrainingRun
from runs_app.queries import PAGE_SIZE
from runs_app.run_table.columns import SORTS
from tests.runs_app.views.conftest import MakeRun

pytestmark = pytest.mark.django_db


def _names(page: str) -> list[str]:
    return re.findall(r'class="run-name" href="/runs/\w+" title="([^"]*)"', page)


def test_the_newest_run_comes_first(browser: Client, make_run: MakeRun) -> None:
    make_run("older")
    make_run("newer")
    assert _names(browser.get("/runs").content.decode()) == ["newer", "older"]


def test_search_finds_name_and_id(browser: Client, make_run: MakeRun) -> None:
    run = make_run("Bitcoin hourly")
    make_run("Ether")
    assert _names(browser.get("/runs?q=bitcoin").content.decode()) == ["Bitcoin hourly"]
    assert _names(browser.get(f"/runs?q={run.uid}").content.decode()) == ["Bitcoin hourly"]
    nothing = browser.get("/runs?q=dogecoin").content.decode()
    assert "None of the 2 runs matches" in nothing


def test_the_status_filter_keeps_only_its_own(browser: Client, make_run: MakeRun) -> None:
    make_run("bad", status=RunStatus.FAILED)
    make_run("good", status=RunStatus.COMPLETED)
    assert _names(browser.get("/runs?status=failed").content.decode()) == ["bad"]


def test_order_by_loss_puts_runs_without_one_last(browser: Client, make_run: MakeRun) -> None:
    make_run("none")
    make_run("high", val_loss=2.0)
    make_run("low", val_loss=1.0)
    up = _names(browser.get("/runs?sort=val_loss&dir=asc").content.decode())
    down = _names(browser.get("/runs?sort=val_loss&dir=desc").content.decode())
    assert up == ["low", "high", "none"]
    assert down == ["high", "low", "none"]


@pytest.mark.parametrize("key", SORTS)
def test_every_heading_orders_the_table(browser: Client, make_run: MakeRun, key: str) -> None:
    make_run()
    assert browser.get(f"/runs?sort={key}").status_code == 200


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=999999", "page=x", "page=²", "sort=config", "status=x", "q=%00", "dir=1"],
)
def test_any_address_gives_a_table(browser: Client, make_run: MakeRun, query: str) -> None:
    make_run()
    assert browser.get(f"/runs?{query}").status_code == 200


def test_pages_are_links_that_keep_the_search(browser: Client, make_run: MakeRun) -> None:
    for number in range(PAGE_SIZE + 1):
        make_run(f"run {number}")
    first = browser.get("/runs?q=run").content.decode()
    assert len(_names(first)) == PAGE_SIZE
    assert "?q=run&amp;page=2" in first
    assert _names(browser.get("/runs?q=run&page=2").content.decode()) == ["run 0"]


def test_the_table_reads_no_configuration_and_no_events(browser: Client, make_run: MakeRun) -> None:
    for _ in range(5):
        make_run()
    with CaptureQueriesContext(connection) as queries:
        browser.get("/runs")
    assert len(queries) <= 11, "the rows, four counts, four lists to choose from, the navigation"
    assert not any("runevent" in query["sql"] for query in queries)
    # Single values of the configuration are picked out by the database; the whole is not read.
    assert not any(re.search(r'"config"(, "| FROM)', query["sql"]) for query in queries)


def test_a_name_is_text_and_never_markup(browser: Client, make_run: MakeRun) -> None:
    make_run("<script>alert(1)</script>")
    page = browser.get("/runs").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_htmx_gets_the_table_alone(browser: Client, make_run: MakeRun) -> None:
    make_run()
    page = browser.get("/runs?q=a", headers={"hx-request": "true"}).content.decode()
    assert page.strip().startswith('<div id="run-table"')
    assert "<html" not in page


def test_cancel_from_the_table_comes_back_to_it(browser: Client, make_run: MakeRun) -> None:
    run = make_run()
    answer = browser.post(f"/runs/{run.uid}/cancel", {"next": "/runs?status=pending"})
    assert answer.headers["Location"] == "/runs?status=pending"
    run.refresh_from_db()
    assert run.cancel_requested_at is not None or run.status == RunStatus.CANCELLED


def test_cancel_never_leads_to_another_host(browser: Client, make_run: MakeRun) -> None:
    run = make_run()
    answer = browser.post(f"/runs/{run.uid}/cancel", {"next": "/runs?@evil"})
    assert answer.headers["Location"].startswith("/runs?")
    run = make_run()
    answer = browser.post(f"/runs/{run.uid}/cancel", {"next": "//evil.example/runs"})
    assert answer.headers["Location"] == f"/runs/{run.uid}"


def test_an_empty_table_shows_the_way(browser: Client) -> None:
    assert "No runs yet" in browser.get("/runs").content.decode()
    assert TrainingRun.objects.count() == 0

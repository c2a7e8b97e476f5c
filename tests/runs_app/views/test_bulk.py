"""What is done to ticked runs: asked once, done one by one, told run by run. Views, live rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

from runs_app.choices import RunStatus
from runs_app.models import TrainingRun
from runs_app.saved_views import SavedView
from runs_app.views import bulk
from tests.runs_app.views.conftest import MakeRun

pytestmark = pytest.mark.django_db


def test_a_page_asks_once_and_says_how_many(browser: Client, make_run: MakeRun) -> None:
    runs = [make_run(f"run {number}", status=RunStatus.COMPLETED) for number in range(2)]
    runs.append(make_run("trains", status=RunStatus.RUNNING))
    ids = "&".join(f"ids={run.uid}" for run in runs)
    page = browser.get(f"/runs/bulk?action=delete&{ids}&back=q%3Drun").content.decode()
    assert "Delete 3 runs?" in page
    assert "Cancel the 1 that waits or trains first" in page
    assert 'href="/runs?q=run"' in page
    assert not TrainingRun.objects.trashed().exists()


def test_a_cancel_that_would_do_nothing_cannot_be_sent(browser: Client, make_run: MakeRun) -> None:
    ended = make_run(status=RunStatus.COMPLETED)
    asked = {"action": "cancel", "ids": ended.uid}
    page = browser.get("/runs/bulk", asked).content.decode()
    assert "there is nothing to cancel" in page
    assert '<button class="btn btn-danger" disabled>' in page
    live = make_run(status=RunStatus.RUNNING)
    page = browser.get("/runs/bulk", asked | {"ids": f"{ended.uid},{live.uid}"}).content.decode()
    assert '<button class="btn btn-danger">' in page


def test_all_that_the_filter_finds_is_chosen_up_to_the_limit(
    browser: Client, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST_RUNS", 3)
    runs = [make_run(f"found {number}") for number in range(5)]
    make_run("another")
    asked = "/runs/bulk?action=archive&all=found&back=q%3Dfound%26sort%3Dname%26dir%3Dasc"
    page = browser.get(asked).content.decode()
    assert "Archive 3 runs?" in page and "The filter finds 5 runs" in page
    assert re.findall(r'name="ids" value="(\w+)"', page) == [run.uid for run in runs[2::-1]]
    page = browser.get(asked.replace("found%26", "found+4%26")).content.decode()
    assert "The only run that the filter finds." in page
    nothing = browser.get(asked.replace("Dfound", "Dnone"), follow=True)
    assert "Tick at least one run" in nothing.content.decode()


def test_what_did_not_go_is_told_and_the_table_comes_back(
    browser: Client, make_run: MakeRun, runs_root: Path
) -> None:
    ended, live = make_run(status=RunStatus.FAILED), make_run(status=RunStatus.RUNNING)
    form = {"action": "delete", "ids": [ended.uid, live.uid, "gone"], "back": "q=a&sort=name"}
    answer = browser.post("/runs/bulk", form, follow=True)
    assert answer.redirect_chain[0][0] == "/runs?q=a&sort=name"
    page = answer.content.decode()
    assert "1 run was moved to the trash." in page
    assert f"Run {live.uid} is still running" in page
    assert "There is no run gone." in page


def test_tags_are_asked_for_and_a_wrong_one_is_told(browser: Client, make_run: MakeRun) -> None:
    run = make_run()
    form = {"action": "tag", "ids": run.uid, "tags": "a <b>"}
    answer = browser.post("/runs/bulk", form)
    assert answer.status_code == 422
    assert "holds “&lt;b&gt;”" in answer.content.decode()
    assert browser.post("/runs/bulk", form | {"tags": "new, Old"}).status_code == 302
    run.refresh_from_db()
    assert run.tag_list == ["new", "old"]
    assert browser.post("/runs/bulk", form | {"action": "untag", "tags": "old"}).status_code == 302
    run.refresh_from_db()
    assert run.tag_list == ["new"]


@pytest.mark.parametrize(
    "query", ["", "action=burn&ids=a", "action=delete", "action=tag&ids=..%2F"]
)
def test_without_runs_or_action_the_table_says_so(browser: Client, query: str) -> None:
    answer = browser.get(f"/runs/bulk?{query}&back=//evil.example", follow=True)
    assert answer.redirect_chain[0][0].startswith("/runs?")
    assert "alert" in answer.content.decode()


def test_live_rows_are_answered_in_short_where_nothing_changed(
    browser: Client, make_run: MakeRun
) -> None:
    run, other = make_run("trains", status=RunStatus.RUNNING), make_run("waits")
    address = f"/runs/rows?ids={run.uid},{other.uid},none&newest={run.pk}&cols=status,val_loss"
    answer = browser.get(address)
    assert re.findall(r'<tr role="row" id="run-(\w+)" data-live>', answer.content.decode()) == [
        run.uid, other.uid,
    ]  # fmt: skip
    assert answer["X-Newer-Runs"] == "1"
    again = browser.get(address, headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    TrainingRun.objects.filter(pk=run.pk).update(last_seq=5, val_loss=0.123)
    changed = browser.get(address, headers={"if-none-match": answer["ETag"]})
    assert "0.1230" in changed.content.decode()
    assert browser.get("/runs/rows?newest=x").status_code == 200


def test_the_address_of_a_form_is_made_short(browser: Client) -> None:
    answer = browser.get("/runs?q=&status=failed&cols=status&cols=tags&preset=&where=")
    assert answer["Location"] == "/runs?status=failed&cols=status,tags"
    assert browser.get("/runs?q=").headers["Location"] == "/runs"


def test_chips_take_one_filter_off(browser: Client, make_run: MakeRun) -> None:
    make_run()
    page = browser.get("/runs?status=failed&status=pending&tag=a&where=step<5").content.decode()
    assert 'href="/runs?status=pending&amp;tag=a&amp;where=step%3C5"' in page
    assert 'href="/runs?status=failed&amp;status=pending&amp;where=step%3C5"' in page


def test_chosen_columns_are_shown_in_the_order_of_the_table(
    browser: Client, make_run: MakeRun
) -> None:
    make_run(tags=",first,", skill=-0.0123, size_bytes=1_500_000)
    page = browser.get("/runs?cols=skill,size,tags,config").content.decode()
    heads = re.findall(r'<a class="sort"[^>]*>([^<]*)', page)
    assert heads == ["Run", "Skill %", "Size"]
    assert "−1.23</td>" in page
    assert "1.5 MB</td>" in page
    assert 'href="/runs?tag=first">first</a>' in page


def test_what_an_address_asks_in_vain_is_told(browser: Client, make_run: MakeRun) -> None:
    make_run("seen")
    asked = {"status": ["flying", "running"], "from": "yesterday", "sort": "taste"}
    asked["cols"] = "tags,colour"
    page = browser.get("/runs", asked).content.decode()
    assert "Status must be one of pending, running, completed, failed, cancelled, not fly" in page
    assert "Created from must be a date such as 2026-01-31, not yesterday." in page
    assert "The order (sort) must be one of " in page
    assert "Columns (cols) are status, verdict, " in page
    assert ", not colour." in page
    assert "Verdict must" not in page
    assert "is heeded" not in browser.get("/runs", {"status": "running"}).content.decode()
    hostile = browser.get("/runs", {"preset": "<b>" + 300 * "x"}).content.decode()
    assert "not &lt;b&gt;" in hostile
    assert f"not &lt;b&gt;{37 * 'x'}…" in hostile


def test_a_wrong_limit_is_told_beside_its_field(browser: Client, make_run: MakeRun) -> None:
    make_run()
    page = browser.get("/runs?where=val_los<1").content.decode()
    assert "did you mean val_loss?" in page
    assert 'class="runs-table' in page or "runs-table" in page


def test_a_view_is_saved_and_forgotten(browser: Client, make_run: MakeRun) -> None:
    make_run()
    answer = browser.post("/runs/views", {"name": "<i>Best", "query": "sort=val_loss&dir=asc"})
    assert answer["Location"] == "/runs?sort=val_loss&dir=asc"
    page = browser.get("/runs").content.decode()
    assert 'href="/runs?sort=val_loss&amp;dir=asc">&lt;i&gt;Best</a>' in page
    view = SavedView.objects.get()
    browser.post(f"/runs/views/{view.pk}/delete")
    assert not SavedView.objects.exists()
    assert browser.post("/runs/views", {"name": "", "query": "a\r\nb"}).status_code == 302


def test_the_page_of_a_run_renames_tags_and_archives(browser: Client, make_run: MakeRun) -> None:
    run = make_run()
    browser.post(f"/runs/{run.uid}/edit", {"name": "called <b>", "tags": "x, y"})
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert "called &lt;b&gt;" in page
    assert 'href="/runs?tag=x"' in page
    browser.post(f"/runs/{run.uid}/edit", {"archived": "yes"})
    run.refresh_from_db()
    assert (run.is_archived, run.name, run.tag_list) == (True, "called <b>", ["x", "y"])
    answer = browser.post(f"/runs/{run.uid}/edit", {"tags": "a b,<"}, follow=True)
    assert "Not saved: tags holds" in answer.content.decode()
    assert browser.post("/runs/none/edit", {"name": "x"}).status_code == 404

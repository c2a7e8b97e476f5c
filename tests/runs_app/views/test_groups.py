"""The pages of groups: every run, mean and spread, what is missing, and the buttons."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.test import Client
from django.utils.html import strip_tags

from runs_app.choices import RunStatus
from runs_app.execution import wakeups
from runs_app.models import RunGroup, TrainingRun
from tests.factories import make_group
from tests.runs_app.views.test_builder import DATA, TRAIN, _step

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda _: None)


def page(browser: Client, group: RunGroup) -> str:
    return browser.get(f"/groups/{group.uid}").content.decode()


def test_a_finished_group_shows_its_verdict_and_every_run(browser: Client) -> None:
    group = make_group(folds=2, seeds=2)
    html = page(browser, group)
    assert 'data-edge="yes"' in html
    assert "4 of 4 runs, 24,690 test decisions" in html
    for run in group.runs.all():
        assert f"/runs/{run.uid}" in html
    text = strip_tags(html)
    assert "tested from 2024-01-01 00:00 until 2024-02-01 00:00" in text
    assert "hx-trigger" not in html.split('id="group-live"')[1][:300]
    found = re.search(r'<script id="group-chart"[^>]*>(.*?)</script>', html, re.S)
    assert found
    chart = json.loads(found[1])
    assert chart["by"] == "fold"
    assert len(chart["series"][0]["dots"]) == 4


def test_a_live_group_gives_no_verdict_yet_and_asks_again(browser: Client) -> None:
    group = make_group(folds=2, seeds=2)
    last = group.runs.order_by("-pk").first()
    assert last is not None
    TrainingRun.objects.filter(pk=last.pk).update(status=RunStatus.RUNNING, verdict=None, epoch=3)
    html = page(browser, group)
    assert 'hx-trigger="every 4s"' in html
    assert "3 of 4 runs have ended" in html
    assert 'id="verdict"' not in html
    assert "3 of 4 runs, " in html  # the figures so far
    part = browser.get(f"/groups/{group.uid}", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'id="group-live"' in part


def test_what_is_missing_is_said(browser: Client) -> None:
    group = make_group(folds=2, seeds=2)
    first, second, *_ = group.runs.order_by("pk")
    TrainingRun.objects.filter(pk=first.pk).update(
        status=RunStatus.FAILED, verdict=None, message="The loss was not finite."
    )
    second.delete()
    html = page(browser, group)
    assert "1 failed, 1 in the trash or deleted" in html
    assert "The loss was not finite." in html
    assert "2 planned runs could not be judged: no claim is made" in html
    assert 'data-edge="no"' in html


def test_seeds_alone_are_drawn_by_seed(browser: Client) -> None:
    html = page(browser, make_group(folds=1, seeds=3))
    assert "Skill per seed" in html
    assert "One split · 3 seeds" in html


def test_the_run_table_filters_by_group_and_leads_back(browser: Client) -> None:
    group, other = make_group(), make_group()
    html = browser.get(f"/runs?group={group.uid}").content.decode()
    uids = set(group.runs.values_list("uid", flat=True))
    assert set(re.findall(r'<tr role="row" id="run-([a-z0-9]+)"', html)) == uids
    assert f"/groups/{group.uid}" in html
    assert f"/groups/{other.uid}" not in html
    run = group.runs.first()
    assert run is not None
    assert f"/groups/{group.uid}" in browser.get(f"/runs/{run.uid}").content.decode()


def test_the_list_of_groups(browser: Client) -> None:
    assert "No groups yet" in browser.get("/groups").content.decode()
    group = make_group(name="walk & talk")
    html = browser.get("/groups?page=x").content.decode()
    assert "walk &amp; talk" in html
    assert f"/groups/{group.uid}" in html


def test_cancel_and_delete(browser: Client, runs_root: Path) -> None:
    group = make_group()
    group.runs.update(status=RunStatus.PENDING)
    browser.post(f"/groups/{group.uid}/delete")
    assert "cancel the group before you delete it" in page(browser, group)
    browser.post(f"/groups/{group.uid}/cancel")
    assert set(group.runs.values_list("status", flat=True)) == {RunStatus.CANCELLED}
    assert browser.post(f"/groups/{group.uid}/delete").headers["Location"] == "/groups"
    assert not TrainingRun.objects.visible().exists()
    assert f"/groups/{group.uid}" not in browser.get("/groups").content.decode()


def test_the_builder_makes_a_group(browser: Client, candles: Path, runs_root: Path) -> None:
    _step(browser, "data", DATA | {"data-timeframes": ["15m"]})
    _step(browser, "horizons", {"horizons-long": "1d"})
    _step(browser, "model", {"model-variant": "tiny"})
    refused = _step(browser, "train", TRAIN | {"folds": "60", "seeds": "0"})
    html = browser.get(refused.headers["Location"]).content.decode()
    assert "from 1 to 50, not 60" in html
    assert "from 1 to 50, not 0" in html
    answer = _step(browser, "train", TRAIN | {"folds": "2", "seeds": "2", "scheme": "rolling"})
    group = RunGroup.objects.get()
    assert answer.headers["Location"] == f"/groups/{group.uid}"
    assert (group.folds, group.seeds, group.scheme, group.runs.count()) == (2, 2, "rolling", 4)
    again = _step(browser, "train", TRAIN)  # sent twice, started once
    assert again.headers["Location"] == f"/groups/{group.uid}"
    assert RunGroup.objects.count() == 1

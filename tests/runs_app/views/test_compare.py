"""The page of a comparison: its states, its links, and the ways to it."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from runs_app.choices import Kinship, RunStatus
from runs_app.models import TrainingRun
from tests.factories import make_group
from tests.runs_app.views.conftest import MakeRun

pytestmark = pytest.mark.django_db


def page(browser: Client, query: str, status: int = 200) -> str:
    answer = browser.get(f"/runs/compare{query}")
    assert answer.status_code == status
    return answer.content.decode()


def ids(*runs: TrainingRun) -> str:
    return "?ids=" + ",".join(run.uid for run in runs)


def test_a_form_leads_to_the_short_address(browser: Client, make_run: MakeRun) -> None:
    one, two = make_run("one"), make_run("two")
    answer = browser.get(f"/runs/compare?ids={one.uid}&ids={two.uid}")
    assert answer.headers["Location"] == f"/runs/compare?ids={one.uid},{two.uid}"


@pytest.mark.parametrize("query", ["", "?ids=", "?ids=,,", "?x=time"])
def test_without_runs_the_page_says_how_to_select(browser: Client, query: str) -> None:
    text = page(browser, query)
    assert "No runs to compare" in text
    assert "Tick two to twenty runs" in text


def test_one_run_alone_needs_another(browser: Client, make_run: MakeRun) -> None:
    text = page(browser, ids(make_run("lonely")))
    assert "One run alone" in text
    assert "lonely" in text


def test_too_many_are_refused_with_a_sentence(browser: Client) -> None:
    text = page(browser, "?ids=" + ",".join(f"r{n}" for n in range(21)), 422)
    assert "21 runs were asked for" in text
    assert "Too many runs" in text


def test_bad_ids_are_named_and_the_rest_is_shown(browser: Client, make_run: MakeRun) -> None:
    text = page(browser, ids(make_run("one"), make_run("two")) + ",nosuch,%3Cscript%3E")
    assert "There is no run nosuch" in text
    assert "&lt;script&gt;" in text
    assert "<script>" not in text.replace("<script src", "").replace("<script type", "")
    assert "Settings that differ" in text or "same settings" in text


@pytest.mark.parametrize("status", RunStatus.values)
def test_runs_in_every_state_are_shown(browser: Client, make_run: MakeRun, status: str) -> None:
    text = page(browser, ids(make_run("waits"), make_run("other", status=status)))
    assert f'data-run-status="{status}"' in text
    assert text.count('aria-label="Remove') == 2


def test_links_keep_what_else_was_chosen(browser: Client, make_run: MakeRun) -> None:
    one, two = make_run("one"), make_run("two")
    text = page(browser, f"{ids(one, two)}&x=epoch&smooth=0.5&all=1")
    removal = re.search(rf'href="([^"]*)" data-change="ids=,{two.uid}"', text)
    base = re.search(rf'href="([^"]*)" data-change="base={one.uid}"', text)
    assert removal and base
    assert f"ids=%2C{two.uid}" in removal[1]
    for link in (removal[1], base[1]):
        assert "x=epoch" in link
        assert "smooth=0.5" in link
    assert "Only what differs" in text


def test_the_second_keeps_its_colour_when_the_first_goes(
    browser: Client, make_run: MakeRun
) -> None:
    two, three = make_run("two"), make_run("three")
    text = page(browser, f"?ids=,{two.uid},{three.uid}")
    assert 'class="run-key hue-1 dash-0"' in text
    assert 'class="run-key hue-0 dash-0"' not in text


def test_htmx_gets_the_settings_alone(browser: Client, make_run: MakeRun) -> None:
    one, two = make_run("one"), make_run("two")
    answer = browser.get(
        f"/runs/compare{ids(one, two)}&base={one.uid}&all=1", headers={"hx-request": "true"}
    )
    text = answer.content.decode().strip()
    assert text.startswith('<section class="card mt-3" id="compare-settings"')
    assert "badge bg-blue-lt" in text


def test_a_name_is_text_and_never_markup(browser: Client, make_run: MakeRun) -> None:
    text = page(browser, ids(make_run("</script><b>x"), make_run("two")))
    assert "<b>x" not in text


def test_rows_of_the_run_table_can_be_ticked(browser: Client, make_run: MakeRun) -> None:
    run = make_run()
    text = browser.get("/runs").content.decode()
    assert f'name="ids" value="{run.uid}" form="picks"' in text
    assert '<form id="picks" method="get" action="/runs/compare"' in text
    assert 'name="ids"' not in browser.get("/").content.decode()


def test_a_group_leads_to_the_comparison_of_its_runs(browser: Client) -> None:
    group = make_group(folds=2, seeds=2)
    text = browser.get(f"/groups/{group.uid}").content.decode()
    found = re.search(r'href="/runs/compare\?ids=([^"]*)"', text)
    assert found
    assert sorted(found[1].split(",")) == sorted(group.runs.values_list("uid", flat=True))
    assert "Compare its runs" in text


def test_a_branch_can_be_compared_with_its_parent(browser: Client, make_run: MakeRun) -> None:
    parent = make_run("parent")
    child = make_run("child", parent=parent, kinship=Kinship.BRANCH)
    text = browser.get(f"/runs/{child.uid}").content.decode()
    assert f"/runs/compare?ids={parent.uid},{child.uid}" in text
    assert "compare with its parent" not in browser.get(f"/runs/{parent.uid}").content.decode()

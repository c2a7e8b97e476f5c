"""The verdict card: on every run that has ended, in words, and never switched off."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from runs_app.choices import RunStatus
from runs_app.forecasting.evaluation.documents import Outcome
from runs_app.live.fragments import render_update
from runs_app.live.payloads import StreamMessage
from runs_app.live.updates import Update
from runs_app.models import TrainingRun
from tests.factories import as_stored, make_leak_check, make_verdict
from tests.runs_app.views.conftest import MakeRun

pytestmark = pytest.mark.django_db


def judged(make_run: MakeRun, outcome: Outcome = Outcome.BEATS, **fields: Any) -> TrainingRun:
    facts = {
        "status": RunStatus.COMPLETED,
        "outcome": str(outcome),
        "verdict": as_stored(make_verdict(outcome)),
        "leaks": as_stored(make_leak_check()),
    }
    return make_run(**(facts | fields))


def card(html: str) -> str:
    """The text of the verdict card, its tags left out."""
    found = re.search(r'<section class="card verdict-card.*?</section>', html, re.S)
    assert found, "there is no verdict card"
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        (Outcome.BEATS, "Beats every baseline"),
        (Outcome.TIES, "Ties with GARCH(1,1)-t"),
        (Outcome.LOSES, "Loses to GARCH(1,1)-t"),
    ],
)
def test_the_card_says_it_in_words_with_figures(
    browser: Client, make_run: MakeRun, outcome: Outcome, title: str
) -> None:
    run = judged(make_run, outcome)
    page = browser.get(f"/runs/{run.uid}").content.decode()
    text = card(page)
    assert f"Verdict: {title}" in text
    assert f"It {outcome} GARCH(1,1)-t on the test part." in text
    assert "on 12,345 test decisions" in text
    assert "+2.48 % +1.48 % to +3.48 % 0.0004 5.120 bp 5.250 bp" in text
    assert "+0.0309 nats +0.0209 nats to +0.0409 nats 0.0004 −5.432 nats −5.401 nats" in text
    assert "not investment advice" in text
    assert page.index("verdict-card") < page.index("panel-metrics")


def test_a_failed_leak_check_takes_the_edge_away(browser: Client, make_run: MakeRun) -> None:
    run = judged(
        make_run,
        verdict=as_stored(make_verdict(edge=False)),
        leaks=as_stored(make_leak_check(passed=False)),
    )
    page = browser.get(f"/runs/{run.uid}").content.decode()
    text = card(page)
    assert "Not to be believed: it leaks" in text
    assert "Leak check failed" in text
    assert "Failed, shuffled labels: Skill 0.001 on shuffled labels." in text
    assert "Beats every baseline" not in text
    for address in ("/runs", "/"):
        table = browser.get(address).content.decode()
        assert re.search(r"</svg>Leaks</span>", table), address
        assert "</svg>Beats</span>" not in table


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RunStatus.CANCELLED, "was cancelled before"),
        (RunStatus.FAILED, "failed before"),
        (RunStatus.COMPLETED, "without comparing"),
    ],
)
def test_a_run_without_verdict_says_why(
    browser: Client, make_run: MakeRun, status: RunStatus, words: str
) -> None:
    run = make_run(status=status)
    text = card(browser.get(f"/runs/{run.uid}").content.decode())
    assert "Not judged:" in text
    assert words in text
    assert "Leaks not checked" in text
    told = Client().get(f"/runs/{run.uid}").json()
    assert told["verdict"] is None
    assert words in told["not_judged"]


def test_a_live_run_has_no_card(browser: Client, make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.RUNNING)
    assert "verdict-card" not in browser.get(f"/runs/{run.uid}").content.decode()
    assert Client().get(f"/runs/{run.uid}").json()["not_judged"] == ""


def test_the_end_brings_the_card_to_an_open_page(make_run: MakeRun) -> None:
    run = judged(make_run)
    ended: StreamMessage = {
        "event_type": "status", "run_id": run.uid, "seq": 9, "attempt": 1, "timestamp": "",
        "data": {"status": "completed"},
    }  # fmt: skip
    assert "Beats every baseline" in card(render_update(run.pk, Update(ended["seq"], [ended])))


def test_json_has_the_whole_verdict(make_run: MakeRun) -> None:
    run = judged(make_run, Outcome.LOSES)
    told = Client().get(f"/runs/{run.uid}").json()
    assert told["outcome"] == "loses"
    assert told["verdict"] == as_stored(make_verdict(Outcome.LOSES))
    assert told["leaks"] == as_stored(make_leak_check())
    assert told["not_judged"] == ""
    assert Client().get("/runs").json()["runs"][0]["outcome"] == "loses"


def test_a_verdict_of_another_shape_is_said_and_breaks_nothing(
    browser: Client, make_run: MakeRun
) -> None:
    run = judged(make_run, verdict={"outcome": "beats", "new": 1})
    assert "stored by another version" in card(browser.get(f"/runs/{run.uid}").content.decode())


def test_values_that_are_not_finite_are_shown(browser: Client, make_run: MakeRun) -> None:
    verdict = make_verdict()
    broken = verdict.comparisons[0].model_copy(update={"skill": float("nan")})
    stored = as_stored(verdict.model_copy(update={"comparisons": (broken,)}))
    run = judged(make_run, verdict=stored)
    assert "Beats NaN +1.48 %" in card(browser.get(f"/runs/{run.uid}").content.decode())


@pytest.mark.parametrize("address", ["/runs", "/"])
def test_tables_have_a_column_for_it(browser: Client, make_run: MakeRun, address: str) -> None:
    judged(make_run, Outcome.TIES)
    assert "</svg>Ties</span>" in browser.get(address).content.decode()


def test_the_table_can_be_narrowed_to_a_verdict(browser: Client, make_run: MakeRun) -> None:
    judged(make_run, Outcome.TIES, name="even")
    judged(make_run, Outcome.BEATS, name="ahead")
    page = browser.get("/runs?verdict=beats").content.decode()
    assert ">ahead</a>" in page
    assert ">even</a>" not in page
    assert 'name="verdict" value="beats" checked>' in page
    told = Client().get("/runs", {"outcome": "ties"}).json()["runs"]
    assert [run["name"] for run in told] == ["even"]
    assert Client().get("/runs", {"outcome": "wins"}).status_code == 422

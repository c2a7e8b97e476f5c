"""Ways between pages: back to where one came from, to the run beside, to a data set among many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from runs_app.choices import JobKind, JobState, RunStatus
from runs_app.forms.draft import Draft
from runs_app.models import Job
from runs_app.views.builder import SEARCHED_FROM
from tests.factories import make_completed_run, make_config, make_leak_check, make_run
from tests.runs_app.services.test_rehearsals import WORKS

pytestmark = pytest.mark.django_db


def page(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def job(kind: JobKind) -> Job:
    arguments = {"config": make_config().model_dump(mode="json"), "key": "k"}
    found = WORKS if kind == JobKind.REHEARSAL else make_leak_check()
    facts = json.loads(found.model_dump_json())
    return Job.objects.create(kind=kind, state=JobState.DONE, arguments=arguments, facts=facts)


def test_a_run_leads_to_the_newer_and_the_older_one(browser: Client) -> None:
    first, _, second, _, third = (
        make_run(name="first"),
        make_run(name="hidden", archived_at=timezone.now()),
        make_run(name="second"),
        make_run(name="thrown away", status=RunStatus.FAILED, trashed_at=timezone.now()),
        make_run(name="third"),
    )
    middle = page(browser, f"/runs/{second.uid}")
    assert f'rel="prev" href="/runs/{third.uid}" title="Newer run: third"' in middle
    assert f'rel="next" href="/runs/{first.uid}" title="Older run: first"' in middle
    assert 'rel="prev" hidden' in page(browser, f"/runs/{third.uid}")
    assert 'rel="next" hidden' in page(browser, f"/runs/{first.uid}")


def test_pages_of_a_run_lead_back_to_it(browser: Client) -> None:
    run = make_completed_run(name="Mine")
    back = f'href="/runs/{run.uid}">'
    asked = Job.objects.create(
        kind=JobKind.PREDICTION, run=run, arguments={"source": "candles.csv", "last": 1}
    )
    told = page(browser, f"/runs/{run.uid}/predictions/{asked.uid}")
    assert back in told and f'href="/runs/{run.uid}/predictions">← Predictions' in told
    assert f"{back}← Mine" in page(browser, f"/runs/{run.uid}/predictions")
    assert f"{back}← Mine" in browser.get(f"/runs/{run.uid}/report").content.decode()
    bulk = page(browser, f"/runs/bulk?action=archive&ids={run.uid}&back=q%3Dmine")
    assert 'href="/runs?q=mine">← All runs' in bulk
    assert "data-run-list>← All runs" in page(browser, f"/runs/{run.uid}")


@pytest.mark.parametrize(
    ("kind", "address", "place"),
    [(JobKind.REHEARSAL, "/rehearsals", "rehearse"), (JobKind.LEAK_CHECK, "/leak-checks", "leaks")],
)
def test_a_rehearsal_and_a_leak_check_lead_back_to_their_draft(
    browser: Client, kind: JobKind, address: str, place: str
) -> None:
    asked = job(kind)
    assert 'href="/runs/new">← New training run' in page(browser, f"{address}/{asked.uid}")
    session = browser.session
    session["drafts"] = {"d1": vars(Draft("d1", name="My draft", saved_at="2026-01-01T00:00:00"))}
    session.save()
    found = page(browser, f"{address}/{asked.uid}?draft=d1")
    assert f'href="/runs/new/train?draft=d1#{place}">← Draft: My draft' in found
    fragment = browser.get(f"{address}/{asked.uid}?builder=d1", headers={"HX-Request": "true"})
    assert f"{address}/{asked.uid}?draft=d1" in fragment.content.decode()


def test_many_data_sets_have_a_search_and_few_have_none(browser: Client, data_root: Path) -> None:
    def write(name: str) -> None:
        line = "2024-01-01 00:00:00,1,2,0.5,1,9\n"
        (data_root / name).write_text("time,open,high,low,close,volume\n" + line)

    for number in range(SEARCHED_FROM - 1):
        write(f"btc{number}.csv")
    assert "find-data" not in page(browser, "/runs/new/data?draft=d1")
    write("eth.csv")
    every = page(browser, "/runs/new/data?draft=d1")
    assert f"{SEARCHED_FROM} data sets</span>" in every
    assert every.count("data-words=") == SEARCHED_FROM
    found = page(browser, "/runs/new/data?draft=d1&q=ETH")
    assert f"1 of {SEARCHED_FROM} data sets" in found
    assert found.count("data-words=") == 1 and 'value="eth.csv"' in found
    browser.post("/runs/new/data?draft=d1", {"data-source": "btc3.csv", "go": "save"})
    chosen = page(browser, "/runs/new/data?draft=d1&q=eth")
    assert 'value="btc3.csv" data-timeframe="" checked' in chosen
    assert chosen.count("data-words=") == 2
    assert "0 of" in page(browser, "/runs/new/data?draft=d1&q=nothing")

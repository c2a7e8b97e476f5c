"""Any part of a long log, by place, by number and by text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from runs_app import log_pages
from runs_app.choices import EventKind
from runs_app.models import TrainingRun
from tests.runs_app.views.conftest import MakeRun

COUNT = 3


@pytest.fixture
def run(make_run: MakeRun, add_events: Any) -> TrainingRun:
    """Two attempts of 900 lines, three to an event, with a note of the supervisor between them."""
    made = make_run(attempt=1)
    for attempt in (1, 2):
        made.attempt = attempt
        events = []
        for first in range(1, 901, COUNT):
            texts = [f"attempt {attempt} line {n}" for n in range(first, first + COUNT)]
            payload = {"line": first, "count": COUNT, "message": "\n".join(texts)}
            if first == 301:
                payload["level"] = "error"
            events.append((EventKind.LOG, payload))
        add_events(made, *events)
        note = {"line": 0, "count": 1, "message": "a note <b>", "level": "warning"}
        add_events(made, (EventKind.LOG, note))
    return made


def shown(client: Client, run: TrainingRun, query: str) -> list[str]:
    answer = client.get(f"/runs/{run.uid}/log?{query}")
    assert answer.status_code == 200, answer.content
    return re.findall(r'data-line="([\d.]+)"', answer.content.decode())


def test_a_line_is_found_by_its_number_with_what_stands_around_it(
    browser: Client, run: TrainingRun
) -> None:
    for attempt in (1, 2):
        for number in (1, 2, 450, 899, 900):
            found = shown(browser, run, f"line={attempt}.{number}")
            assert f"{attempt}.{number}" in found
            assert len(found) <= 2 * log_pages.PAGE_LINES
    assert browser.get(f"/runs/{run.uid}/log?line=1.901").status_code == 404
    assert browser.get(f"/runs/{run.uid}/log?line=3.1").status_code == 404
    assert browser.get(f"/runs/{run.uid}/log?line=x").status_code == 422


def test_pages_follow_each_other_without_a_hole_or_a_repeat(
    browser: Client, run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walk(back: bool) -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = []
        at = (2**60, 0) if back else (0, 0)
        while True:
            if back:
                lines = log_pages.lines_before(run.pk, at, limit=100)
                places = [(line.seq, line.place) for line in lines] + places
                if not lines:
                    return places
                at = places[0]
            else:
                lines = log_pages.lines_from(run.pk, at, limit=100)
                if not lines:
                    return places
                places += [(line.seq, line.place) for line in lines]
                at = (places[-1][0], places[-1][1] + 1)

    there, back = walk(back=False), walk(back=True)
    assert there == back
    assert len(there) == 2 * 901
    assert len(set(there)) == len(there)


def test_a_search_reads_a_part_and_goes_on(
    browser: Client, run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pages, "SEARCHED_EVENTS", 100)
    lines, after, rounds = [], 0, 0
    while True:
        found = browser.get(f"/runs/{run.uid}/log/search?q=LINE 77&after={after}").json()
        lines += [(hit["attempt"], hit["line"]) for hit in found["hits"]]
        after, rounds = found["reached"], rounds + 1
        if found["complete"]:
            break
    numbers = [77, *range(770, 780)]
    assert lines == [(attempt, n) for attempt in (1, 2) for n in numbers]
    assert rounds > 2
    for query in ("", "q=", f"q={'x' * 201}", "q=a&after=-1", "q=a&level=loud"):
        assert browser.get(f"/runs/{run.uid}/log/search?{query}").status_code == 422


def test_levels_leave_out_the_rest(browser: Client, run: TrainingRun) -> None:
    assert shown(browser, run, "level=error") == [
        "1.301",
        "1.302",
        "1.303",
        "2.301",
        "2.302",
        "2.303",
    ]
    assert len(shown(browser, run, "level=warning")) == 8
    page = browser.get(f"/runs/{run.uid}/log").content.decode()
    assert "a note &lt;b&gt;" in page
    assert len(shown(browser, run, "")) == log_pages.PAGE_LINES

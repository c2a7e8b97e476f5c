"""What the pages know about processes that ended: only what this product's launcher has told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from launcher import ends
from runs_app.restarts import read_restarts

Tell = Callable[..., None]


@pytest.fixture
def told() -> Iterator[Path]:
    """The launcher's file, removed afterwards."""
    path: Path = settings.ENV.ends_file
    path.parent.mkdir(exist_ok=True)
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def tell(told: Path) -> Tell:
    """Tell of ends as the launcher would that has started this process."""

    def write(*, minutes: float = 3, launcher: int | None = None, **ups: bool) -> None:
        at = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat(timespec="seconds")
        found = {
            name: ends.End(restarts=1, how="was killed by signal 9", ended_at=at, up=up)
            for name, up in ups.items()
        }
        ends.write(told, found)
        parent = os.getppid() if launcher is None else launcher
        told.write_text(json.dumps(json.loads(told.read_text()) | {"launcher": parent}))

    return write


def test_without_a_file_there_is_nothing_to_say() -> None:
    assert read_restarts() == {}


def test_a_new_start_is_told_for_an_hour(tell: Tell) -> None:
    tell(minutes=59, worker=True)
    assert list(read_restarts()) == ["worker"]
    tell(minutes=61, worker=True)
    assert read_restarts() == {}


def test_what_is_down_is_told_however_long(tell: Tell) -> None:
    tell(minutes=600, worker=False, web=True)
    assert list(read_restarts()) == ["worker"]


def test_the_file_of_another_launcher_says_nothing(tell: Tell) -> None:
    tell(launcher=os.getpid(), worker=False)
    assert read_restarts() == {}


def changed(**fields: Any) -> str:
    """The launcher's file with one field of one process changed."""
    end = {"restarts": 1, "how": "ended", "ended_at": "2026-01-31T12:00:00+00:00", "up": False}
    return json.dumps({"launcher": os.getppid(), "processes": {"web": end | fields}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        changed()[:-10],
        "[]",
        "null",
        "\x00\xff" * 10,
        json.dumps({"launcher": os.getppid()}),
        json.dumps({"launcher": os.getppid(), "processes": {"other": {}}}),
        changed(how="x" * 201),
        changed(how=""),
        changed(ended_at="yesterday"),
        changed(ended_at="2026-01-31T12:00:00"),
        changed(restarts="many"),
        changed(more=1),
    ],
)
def test_what_the_launcher_did_not_write_says_nothing(told: Path, text: str) -> None:
    told.write_text(changed())
    assert list(read_restarts()) == ["web"]
    told.write_text(text, encoding="latin-1")
    assert read_restarts() == {}


@pytest.mark.django_db
def test_home_tells_it_calmly(client: Client, tell: Tell) -> None:
    browser = {"accept": "text/html"}
    assert "alert-warning" not in client.get("/", headers=browser).content.decode()
    tell(worker=True, beat=False)
    page = client.get("/", headers=browser).content.decode()
    assert "The worker process was killed by signal 9, <time" in page
    assert "3 min ago</time>, and was started again." in page
    assert "3 min ago</time>, and is being started again." in page
    assert page.count("alert-warning") == 1


def test_alive_needs_no_database(client: Client) -> None:
    answer = client.get("/alive")
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.post("/alive").status_code == 405

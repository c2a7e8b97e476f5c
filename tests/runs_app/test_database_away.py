"""Where the database does not answer, a page and a program are told to come back."""

from __future__ import annotations

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from aistempre.faults import RETRY_SECONDS

BROWSER = {"accept": "text/html"}


@pytest.fixture(params=[OperationalError("connection refused"), InterfaceError("closed")])
def away(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database refuses every query."""

    def refuse(*_: object, **__: object) -> None:
        raise request.param

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", refuse)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/runs", "/runs/abc", "/runs/abc/live", "/groups"])
def test_a_page_says_so_calmly(away: None, path: str) -> None:
    answer = Client(raise_request_exception=False).get(path, headers=BROWSER)
    assert answer.status_code == 503
    assert answer["Retry-After"] == str(RETRY_SECONDS)
    assert "The database does not answer just now" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/runs", "/api/runs", "/runs/abc/logs", "/runs/abc"])
def test_a_program_gets_a_sentence(away: None, path: str) -> None:
    answer = Client(raise_request_exception=False).get(path, headers={"accept": "*/*"})
    assert answer.status_code == 503
    assert answer["Retry-After"] == str(RETRY_SECONDS)
    assert "The database does not answer just now" in answer.json()["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_any_other_fault_stays_a_fault(monkeypatch: pytest.MonkeyPatch, accept: str) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", broken)
    answer = Client(raise_request_exception=False).get("/runs", headers={"accept": accept})
    assert answer.status_code == 500
    assert "Retry-After" not in answer
    assert "The server met a fault" in answer.content.decode()

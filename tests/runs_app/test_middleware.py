"""One address for page and JSON; changes from another site are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncClient, Client

from runs_app.models import TrainingRun

pytestmark = pytest.mark.django_db

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ORIGIN = "http://testserver"


def kind(answer: Any) -> str:
    return answer.headers.get("Content-Type", "").split(";")[0]


@pytest.mark.parametrize("path", ["/runs", "/datasets"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"accept": "*/*"}, "application/json"),
        ({}, "application/json"),
        ({"accept": "application/json"}, "application/json"),
        ({"accept": BROWSER}, "text/html"),
        ({"accept": "*/*", "hx-request": "true"}, "text/html"),
    ],
)
def test_who_asks_for_html_gets_the_page(
    data_root: Path, path: str, headers: dict[str, str], expected: str
) -> None:
    answer = Client().get(path, headers=headers)
    assert answer.status_code == 200
    assert kind(answer) == expected
    assert {"Accept", "HX-Request"} <= {part.strip() for part in answer["Vary"].split(",")}


@pytest.mark.usefixtures("coroutine_db")
async def test_the_same_under_asgi(data_root: Path) -> None:
    assert kind(await AsyncClient().get("/runs", headers={"accept": "*/*"})) == "application/json"
    assert kind(await AsyncClient().get("/runs", headers={"accept": BROWSER})) == "text/html"


def test_the_builder_is_a_page_for_everybody(data_root: Path) -> None:
    answer = Client().get("/runs/new", headers={"accept": "*/*"}, follow=True)
    assert answer.status_code == 200
    assert kind(answer) == "text/html"


def test_a_trailing_slash_is_taken_off() -> None:
    answer = Client().get("/runs/?limit=3", headers={"accept": "*/*"})
    assert (answer.status_code, answer["Location"]) == (301, "/runs?limit=3")
    answer = Client().get("/runs/abc123/", headers={"accept": BROWSER})
    assert (answer.status_code, answer["Location"]) == (301, "/runs/abc123")
    assert Client().get("/api/docs/")["Location"] == "/api/docs"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": ORIGIN}, True),
        ({"origin": ORIGIN, "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://testserver.evil.example"}, False),
        ({"origin": "http://testserver:81"}, False),
        ({"origin": "https://testserver"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": ORIGIN, "sec-fetch-site": "cross-site"}, False),
    ],
)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/runs", "/api/runs", "/runs/abc123/cancel", "/admin/"])
def test_only_our_own_pages_and_programs_may_change_things(
    db: None, headers: dict[str, str], allowed: bool, method: str, path: str
) -> None:
    answer = getattr(Client(), method)(path, "{}", content_type="text/plain", headers=headers)
    refused = answer.status_code == 403 and b"another site" in answer.content
    assert refused is not allowed
    assert not TrainingRun.objects.exists()


def test_reading_is_allowed_from_anywhere_the_browser_lets(db: None) -> None:
    headers = {"origin": "http://evil.example", "sec-fetch-site": "cross-site", "accept": "*/*"}
    answer = Client().get("/runs", headers=headers)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer


def test_a_name_that_was_rebound_to_this_computer_is_refused(db: None) -> None:
    for method in ("get", "post"):
        answer = getattr(Client(), method)("/runs", headers={"host": "evil.example"})
        assert answer.status_code == 400


def test_a_page_form_still_needs_its_token(db: None) -> None:
    browser = Client(enforce_csrf_checks=True)
    answer = browser.post("/runs/abc123/cancel", headers={"accept": BROWSER, "origin": ORIGIN})
    assert answer.status_code == 403
    answer = browser.post(
        "/runs", json.dumps({}), content_type="application/json", headers={"accept": "*/*"}
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/runs/abc123/nothing", "/api/nothing", "/datasets/x"])
def test_a_program_is_told_in_json_that_there_is_nothing(path: str) -> None:
    answer = Client().get(path, headers={"accept": "*/*"})
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is nothing at this address."}


def test_a_program_is_told_which_methods_there_are(db: None) -> None:
    answer = Client().put("/runs", headers={"accept": "*/*"})
    assert answer.status_code == 405
    assert answer.json() == {"detail": "This address does not take this method."}
    assert set(answer["Allow"].split(", ")) == {"GET", "POST"}

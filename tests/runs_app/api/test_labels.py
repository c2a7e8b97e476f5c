"""PATCH of a run, the bulk route, and the list's filters, as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_completed_run, make_run

pytestmark = pytest.mark.django_db


def _send(method: str, address: str, body: Any) -> Any:
    client = Client()
    return client.generic(method, address, json.dumps(body), content_type="application/json")


def test_a_run_is_edited() -> None:
    run = make_run()
    answer = _send("PATCH", f"/runs/{run.uid}", {"name": "n", "tags": ["B", "a"], "archived": True})
    found = answer.json()
    assert answer.status_code == 200
    assert (found["name"], found["tags"]) == ("n", ["a", "b"])
    assert found["archived_at"]
    assert _send("PATCH", f"/runs/{run.uid}", {"archived": False}).json()["archived_at"] is None


@pytest.mark.parametrize("body", [{}, [], {"tags": "a,b,<"}, {"status": "completed"}, {"name": 1}])
def test_a_wrong_edit_is_refused_with_its_field(body: Any) -> None:
    answer = _send("PATCH", f"/runs/{make_run().uid}", body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["path"]


def test_bulk_tells_what_was_done_and_what_not() -> None:
    one, ended = make_run(), make_completed_run()
    answer = _send("POST", "/runs/bulk", {"action": "cancel", "ids": [one.uid, ended.uid, "no"]})
    found = answer.json()
    assert answer.status_code == 200
    assert found["done"] == [one.uid]
    assert [each["id"] for each in found["failed"]] == [ended.uid, "no"]
    assert "has ended already" in found["failed"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"action": "burn", "ids": ["a"]}, "action"),
        ({"action": "delete", "ids": []}, "ids"),
        ({"action": "delete", "ids": ["a"] * 501}, "ids"),
        ({"action": "tag", "ids": ["a"]}, "tags"),
        ({"action": "delete", "ids": ["a"], "cancel": 1}, "cancel"),
        ({"action": "delete", "ids": ["a"], "all": True}, "all"),
    ],
)
def test_a_wrong_bulk_is_refused_with_its_field(body: Any, path: str) -> None:
    answer = _send("POST", "/runs/bulk", body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["path"] == path


def _found(query: str) -> list[str]:
    return [run["name"] for run in Client().get(f"/runs?{query}").json()["runs"]]


def test_the_list_has_the_filters_of_the_table() -> None:
    make_run(name="a", tags=",x,y,", val_loss=1.0)
    make_completed_run(name="b", tags=",x,", val_loss=2.0)
    assert _found("tag=x&sort=val_loss&dir=asc") == ["a", "b"]
    assert _found("tag=x&tag=Y") == ["a"]
    assert _found("status=pending&status=completed&where=val_loss>1.5") == ["b"]
    assert _found("archived=only") == []


@pytest.mark.parametrize("query", ["sort=worker", "where=id<1", "archived=x", "created_from=soon"])
def test_a_wrong_filter_is_refused(query: str) -> None:
    assert Client().get(f"/runs?{query}").status_code == 422

"""A comparison and one run's curves as JSON."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from runs_app.models import TrainingRun
from tests.factories import make_run

pytestmark = pytest.mark.django_db


def get(path: str) -> Any:
    return Client().get(path, headers={"accept": "*/*"})


def test_a_comparison_with_curves(run: TrainingRun) -> None:
    other = make_run()
    answer = get(f"/runs/compare?ids={run.uid},{other.uid},nosuch")
    assert answer.status_code == 200
    found = answer.json()
    assert [one["id"] for one in found["runs"]] == [run.uid, other.uid]
    assert "nosuch" in found["problems"][0]
    assert found["curves"][run.uid]["training"] == [[10.0, 0.0, 0.5], [20.0, 0.0, None]]
    assert found["curves"][other.uid]["training"] == []
    setting = next(one for one in found["settings"] if one["path"] == "model.variant")
    assert setting["values"] == ["base", "tiny"]
    assert setting["section"] == "Model"
    assert found["why_no_baselines"]


def test_curves_can_be_left_out(run: TrainingRun) -> None:
    assert get(f"/runs/compare?ids={run.uid}&points=0").json()["curves"] == {}


def test_every_setting_where_it_is_asked_for(run: TrainingRun) -> None:
    address = f"/runs/compare?ids={run.uid},{make_run().uid}&points=0"
    few, every = get(address).json(), get(f"{address}&all=1").json()
    assert all(one["differs"] for one in few["settings"])
    assert len(every["settings"]) > len(few["settings"])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "names no run"),
        ("?ids=,", "names no run"),
        ("?ids=" + ",".join(f"r{n}" for n in range(21)), "at most 20"),
        ("?ids=a&points=9000000", "5000"),
    ],
)
def test_what_is_refused_says_why(query: str, words: str) -> None:
    answer = get(f"/runs/compare{query}")
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_the_curves_of_one_run(run: TrainingRun) -> None:
    found = get(f"/runs/{run.uid}/curves?points=10").json()
    assert found["total"] == 2
    assert found["status"] == "completed"
    assert found["columns"][:3] == ["step", "epoch", "seconds"]
    assert get("/runs/nosuch/curves").status_code == 404
    assert get(f"/runs/{run.uid}/curves?points=1").status_code == 422


def test_both_are_in_the_openapi_document() -> None:
    paths = get("/api/openapi.json").json()["paths"]
    assert "200" in paths["/api/runs/compare"]["get"]["responses"]
    assert paths["/api/runs/{uid}/curves"]["get"]["summary"] == "Read the curves of a run"

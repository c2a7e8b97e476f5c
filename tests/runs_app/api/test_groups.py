"""Groups over JSON: created with a sentence for each fault, read with every run, ended together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from runs_app.choices import RunStatus
from runs_app.execution import wakeups
from runs_app.models import RunGroup, TrainingRun
from tests.factories import make_group

pytestmark = pytest.mark.django_db

CONFIG = {"data_source": "BTCUSDT_1m", "timeframes": ["15m"], "variant": "tiny", "seed": 3}


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda _: None)


def post(body: Any, path: str = "/groups") -> Any:
    return Client().post(path, json.dumps(body), content_type="application/json")


def test_create_read_cancel_delete(candles: Path, runs_root: Path) -> None:
    answer = post({"config": CONFIG, "name": "walk", "folds": 2, "seeds": 2, "scheme": "rolling"})
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert answer.headers["Location"] == made["url"] == f"/groups/{made['id']}"
    assert (made["folds"], made["seeds"], made["scheme"], made["planned"]) == (2, 2, "rolling", 4)
    assert [(run["fold"], run["seed"]) for run in made["runs"]] == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert made["counts"] == {"pending": 4}
    assert made["verdict"]["outcome"] is None
    assert made["parts"][0]["tested_until"] == made["parts"][1]["tested_from"]
    assert made["parts"][1]["tested_until"] is None

    assert Client().get(made["url"]).json()["runs"] == made["runs"]
    listed = Client().get("/groups").json()
    assert (listed["total"], listed["groups"][0]["id"]) == (1, made["id"])

    assert Client().delete(made["url"]).status_code == 409
    cancelled = post({}, f"{made['url']}/cancel").json()
    assert (cancelled["counts"], cancelled["ended"]) == ({"cancelled": 4}, True)
    assert Client().delete(made["url"]).status_code == 204
    assert Client().get("/groups").json()["total"] == Client().get("/runs").json()["total"] == 0
    assert Client().delete("/trash").json()["runs"] == 4
    assert not RunGroup.objects.exists()
    assert not TrainingRun.objects.exists()
    assert list(runs_root.iterdir()) == []


def test_the_verdict_is_over_all_runs_and_none_is_called_the_best() -> None:
    group = make_group(folds=2, seeds=3)
    found = Client().get(f"/groups/{group.uid}").json()
    crps = found["verdict"]["comparisons"][0]
    skills = [run["comparisons"][0]["skill"] for run in found["runs"]]
    assert len(skills) == 6
    assert crps["skill"]["mean"] == pytest.approx(sum(skills) / 6)
    assert (found["verdict"]["judged"], found["verdict"]["planned"]) == (6, 6)
    assert "best" not in json.dumps(found)


def test_runs_say_their_place_and_are_found_by_group(django_assert_max_num_queries: Any) -> None:
    make_group(folds=1, seeds=2)
    group = make_group(folds=2, seeds=3)
    with django_assert_max_num_queries(2):
        found = Client().get(f"/runs?group={group.uid}").json()
    assert found["total"] == 6
    places = {tuple(run["group"].values()) for run in found["runs"]}
    assert places == {(group.uid, fold, seed) for fold in (1, 2) for seed in (7, 8, 9)}


def test_a_deleted_run_is_counted_and_no_edge_is_claimed() -> None:
    group = make_group(folds=2, seeds=2)
    assert Client().get(f"/groups/{group.uid}").json()["verdict"]["edge"]
    worst = group.runs.order_by("pk").first()
    assert worst is not None
    assert Client().delete(f"/runs/{worst.uid}").status_code == 204
    found = Client().get(f"/groups/{group.uid}").json()
    assert found["counts"] == {"completed": 3, "deleted": 1}
    assert not found["verdict"]["edge"]
    assert "1 planned run could not be judged" in found["verdict"]["sentence"]
    assert (found["runs"][0]["id"], found["runs"][0]["seed"]) == (None, 7)


def test_the_newest_run_stands_in_a_place() -> None:
    group = make_group(folds=1, seeds=2)
    first = group.runs.order_by("pk").first()
    assert first is not None
    TrainingRun.objects.filter(pk=first.pk).update(status=RunStatus.FAILED, verdict=None)
    retried = TrainingRun.objects.create(
        group=group, fold=1, seed=first.seed, config=first.config, name="again"
    )
    found = Client().get(f"/groups/{group.uid}").json()
    assert [run["id"] for run in found["runs"]][0] == retried.uid
    assert found["counts"] == {"pending": 1, "completed": 1}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"config": CONFIG}, "folds"),
        ({"config": CONFIG, "folds": 51}, "folds"),
        ({"config": CONFIG, "seeds": 1.5}, "seeds"),
        ({"config": CONFIG, "seeds": [2]}, "seeds"),
        ({"config": CONFIG, "folds": 2, "scheme": "x"}, "scheme"),
        ({"config": CONFIG, "fold": 2}, "fold"),
        ({"folds": 2}, "config"),
        ({"config": CONFIG | {"epochs": 3}, "folds": 2}, "config.epochs"),
        ({"config": CONFIG | {"batch_size": -1}, "seeds": 2}, "config.batch_size"),
        ({"config": CONFIG | {"seed": 2**31 - 1}, "seeds": 2}, "config.seed"),
        (
            {"config": CONFIG | {"overrides": ["data.test_start=2024-02-01"]}, "folds": 2},
            "config.overrides",
        ),
    ],
)
def test_faults_are_named_and_nothing_is_made(
    candles: Path, runs_root: Path, body: dict[str, Any], path: str
) -> None:
    answer = post(body)
    assert answer.status_code == 422, answer.content
    assert [item["path"] for item in answer.json()["detail"]] == [path]
    assert all(len(item["msg"]) > 10 for item in answer.json()["detail"])
    assert not RunGroup.objects.exists()
    assert not TrainingRun.objects.exists()
    assert list(runs_root.iterdir()) == []


def test_unknown_groups() -> None:
    for path in ("/groups/nosuch", "/groups/no-such"):
        assert Client().get(path).status_code == 404
    assert post({}, "/groups/nosuch/cancel").status_code == 404
    assert Client().delete("/groups/nosuch").status_code == 404


def test_reading_a_group_asks_the_database_the_same_few_times(
    django_assert_max_num_queries: Any,
) -> None:
    group = make_group(folds=4, seeds=5)
    with django_assert_max_num_queries(6):
        Client().get(f"/groups/{group.uid}")

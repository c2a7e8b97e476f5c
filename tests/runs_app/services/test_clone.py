"""Clone: a new run with the same form, some of it changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runs_app.choices import Kinship, RunStatus
from runs_app.errors import RunNotCopyable, RunNotFound
from runs_app.execution import run_directory, wakeups
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.errors import ConfigInvalid
from runs_app.models import TrainingRun
from runs_app.services.clone import clone_run, copy_name
from runs_app.services.launch import launch_run
from tests.factories import MOMENT, make_completed_run, make_config, make_run, make_running_run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("runs_root", "candles", "no_broker")]

SOURCE = {"source": "BTCUSDT_1m.csv"}


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda _: None)


def original(**fields: Any) -> TrainingRun:
    """An ended run with settings that no preset has, some of them on no page of the builder."""
    config = make_config(
        data={**SOURCE, "start": "2024-01-02T03:04:05Z"},
        train={"learning_rate": 0.000123456789, "stall_minutes": 3.5, "batch_size": 33},
    )
    return make_completed_run(**{"name": "mine", "config": config.model_dump(mode="json")} | fields)


@pytest.mark.parametrize("make", [original, make_run, make_running_run])
def test_a_clone_is_a_new_run_with_the_same_settings(make: Any) -> None:
    old = make(config=original().config, message="Done.")

    new = clone_run(old.uid)

    assert new.uid != old.uid
    assert new.config == old.config
    assert (new.status, new.attempt, new.message) == (RunStatus.PENDING, 0, "")
    assert (new.parent, new.kinship, new.parent_checkpoint) == (old, Kinship.CLONE, "")
    assert new.name == f"copy of {old.name}"
    stored = (run_directory.path_of(new.uid) / "config.yaml").read_text()
    assert from_yaml(stored).model_dump(mode="json") == old.config
    again = launch_run(new.request)
    assert again.config == old.config, "the stored request gives the same configuration"


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 16, "start_date": None},
        {"train.batch_size": 16, "data.start": None},
        {"train": {"batch_size": 16}, "data": {"start": None}},
        {"overrides": "train.batch_size=16\ndata.start=null"},
        {"batch_size": 16, "data.start": None},
    ],
)
def test_changes_in_every_spelling(changes: dict[str, Any]) -> None:
    old = original()
    new = clone_run(old.uid, changes, name="  half ")
    expected = {**old.config, "train": {**old.config["train"], "batch_size": 16}}
    expected["data"] = {**old.config["data"], "start": None}
    assert new.config == expected
    assert new.name == "half"


def test_another_preset_brings_its_values_but_for_what_is_changed_besides() -> None:
    new = clone_run(original().uid, {"variant": "medium", "batch_size": 8})
    preset = compose_config({"data": SOURCE, "model": {"variant": "medium"}})
    assert new.config["model"] == preset.model.model_dump(mode="json")
    assert new.config["train"]["batch_size"] == 8
    assert new.config["train"]["stall_minutes"] == 3.5


@pytest.mark.parametrize(
    ("changes", "path", "sentence"),
    [
        ({"batch_size": 0}, "batch_size", "must be at least 1"),
        ({"train.batch_size": 0}, "train.batch_size", "must be at least 1"),
        ({"batch_sise": 8}, "batch_sise", "did you mean batch_size"),
        ({"train.batch_sise": 8}, "train.batch_sise", "did you mean train.batch_size"),
        ({"train.batch_size": {"a": "${oc.env:HOME}"}}, "train.batch_size.a", "interpolation"),
        ({"batch_size": None}, "batch_size", "must be"),
        ({"data_source": "../secret.csv"}, "data_source", "DATA_ROOT"),
        ({"long_horizon": "5m"}, "long_horizon", "longer"),
        ({"overrides": "hydra.run.dir=x"}, "overrides", "hydra"),
        (["batch_size"], "", "must be a group of keys"),
    ],
)
def test_a_wrong_change_is_refused_under_its_own_name(
    changes: Any, path: str, sentence: str, runs_root: Path
) -> None:
    run = original()
    with pytest.raises(ConfigInvalid, match=sentence) as caught:
        clone_run(run.uid, changes)
    assert path in [error.path for error in caught.value.errors]
    assert TrainingRun.objects.count() == 1
    assert list(runs_root.iterdir()) == []


def test_names_of_copies() -> None:
    assert copy_name(make_run(name="a")) == "copy of a"
    assert copy_name(make_run(name="copy of a")) == "copy of a"
    unnamed = make_run(name="")
    assert copy_name(unnamed) == f"copy of {unnamed.uid}"
    assert len(copy_name(make_run(name="x" * 200))) == 200
    with pytest.raises(ConfigInvalid, match="at most 200"):
        clone_run(original().uid, name="x" * 201)


def test_what_is_not_there_is_not_cloned() -> None:
    with pytest.raises(RunNotFound):
        clone_run("nosuchrun")
    with pytest.raises(RunNotCopyable, match="in the trash"):
        clone_run(original(trashed_at=MOMENT).uid)

"""Ends in words, the buttons that fit them, and the change that may cure a lack of memory."""

from __future__ import annotations

from typing import Any

import pytest

from runs_app.choices import FINAL, INFRASTRUCTURE, EventKind, RunStatus
from runs_app.endings import ENDINGS, Button, buttons, ending, reason_label
from runs_app.errors import RunError
from runs_app.forecasting.config.document import validate
from runs_app.forecasting.events import Reason
from runs_app.models import TrainingRun
from runs_app.next_steps import interruption, next_steps
from runs_app.remedies import changes, fields_at_fault, suggestion
from runs_app.services.resume import resume_run
from runs_app.services.retry import retry_run
from tests.factories import make_checkpoint, make_config, make_event, make_run

pytestmark = pytest.mark.django_db


def ended(reason: str, **fields: Any) -> TrainingRun:
    """A run that ended for ``reason``."""
    status = reason if reason in RunStatus.values else RunStatus.FAILED
    return make_run(status=status, reason=reason, **fields)


def test_every_reason_has_words_of_its_own() -> None:
    assert set(ENDINGS) == set(Reason)
    assert len({one.label for one in ENDINGS.values()}) == len(Reason)
    for one in ENDINGS.values():
        assert one.advice.endswith(".")
        assert str(one.first) in one.advice.lower()


@pytest.mark.parametrize("reason", sorted(Reason))
@pytest.mark.parametrize("saved", [True, False])
def test_a_button_is_offered_where_its_service_does_it(
    reason: str, *, saved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runs_app.execution.wakeups.wake", lambda _: None)
    for button, service in ((Button.RESUME, resume_run), (Button.RETRY, retry_run)):
        run = ended(reason)
        if saved:
            make_checkpoint(run)
        offered = buttons(run)
        assert (Button.BRANCH in offered) is saved
        assert Button.CLONE in offered
        assert (Button.RETRY in offered) is (reason in INFRASTRUCTURE)
        try:
            service(run.uid)
        except RunError:
            assert button not in offered
        else:
            assert button in offered


@pytest.mark.parametrize(
    ("reason", "saved", "first"),
    [
        ("killed", True, "retry"), ("stalled", False, "retry"), ("disk_full", True, "retry"),
        ("cancelled", True, "resume"), ("cancelled", False, "clone"), ("bug", True, "resume"),
        ("out_of_memory", True, "clone"), ("non_finite", True, "clone"), ("config", False, "clone"),
    ],
)  # fmt: skip
def test_the_likeliest_button_comes_first(reason: str, *, saved: bool, first: str) -> None:
    run = ended(reason)
    if saved:
        make_checkpoint(run)
    assert buttons(run)[0] == first


def test_a_live_run_has_not_ended() -> None:
    run = make_run(status=RunStatus.RUNNING)
    assert ending(run) is None
    assert reason_label(run) == ""
    assert buttons(run) == ["clone"]


def test_a_reason_of_another_version_is_still_words() -> None:
    run = make_run(status=RunStatus.FAILED, reason="nan_loss")
    assert ending(run) is None
    assert reason_label(run) == "nan loss"
    assert reason_label(ended("out_of_memory")) == "out of memory"
    assert {ended(reason).status for reason in Reason} == FINAL


def short_of_memory(batch: int, accumulation: int = 1, **fields: str) -> TrainingRun:
    """A run that ran out of memory with this batch; ``fields`` were named at fault."""
    config = make_config(train={"batch_size": batch, "accumulation": accumulation})
    run = ended("out_of_memory", config=config.model_dump(mode="json"))
    named = {path.replace("__", "."): text for path, text in fields.items()}
    make_event(run, EventKind.STATUS, status="failed", **({"fields": named} if named else {}))
    return run


@pytest.mark.parametrize(
    ("batch", "passes", "half", "twice"),
    [(32, 1, 16, 2), (33, 1, 17, 2), (2, 4, 1, 8), (16, 512, 8, 1024)],
)
def test_half_the_batch_and_twice_the_passes(
    batch: int, passes: int, half: int, twice: int
) -> None:
    run = short_of_memory(batch, passes)
    found = suggestion(run)
    assert found == {"train.batch_size": half, "train.accumulation": twice}
    assert [(one.before, one.after) for one in changes(run.config, found)] == [
        (batch, half), (passes, twice),
    ]  # fmt: skip
    assert suggestion(short_of_memory(batch, passes, train__batch_size="Too large.")) == found


def test_the_batch_is_halved_until_it_fits_where_that_is_known() -> None:
    """197 GiB were asked for and 79 free: half of it is still too much."""
    run = short_of_memory(4096, train__batch_size="Too large.")
    last = run.events.get()
    last.payload |= {"asked_bytes": 197 * 2**30, "free_bytes": 79 * 2**30}
    last.save()
    assert suggestion(run) == {"train.batch_size": 1024, "train.accumulation": 4}
    last.payload |= {"fields": {}}  # of a single allocation, which says nothing of the batch
    last.save()
    assert suggestion(run) == {"train.batch_size": 2048, "train.accumulation": 2}


def test_where_half_a_batch_would_not_help_nothing_is_suggested() -> None:
    assert suggestion(short_of_memory(1, 4)) is None
    assert suggestion(short_of_memory(16, 1024)) is None
    assert suggestion(short_of_memory(16, model__d_model="The network is too large.")) is None
    assert suggestion(ended("killed")) is None
    assert suggestion(make_run(status=RunStatus.RUNNING, reason="")) is None


def test_a_run_older_than_the_field_is_taken_for_one_pass() -> None:
    run = short_of_memory(32)
    del run.config["train"]["accumulation"]
    assert suggestion(run) == {"train.batch_size": 16, "train.accumulation": 2}


def test_the_suggestion_is_a_valid_change() -> None:
    run = short_of_memory(33)
    train = run.config["train"] | {
        path.removeprefix("train."): value for path, value in (suggestion(run) or {}).items()
    }
    assert validate(run.config | {"train": train}).train.batch_size == 17


def test_fields_at_fault_are_those_of_the_newest_end() -> None:
    run = ended("config")
    assert fields_at_fault(run) == {}
    make_event(run, EventKind.STATUS, status="failed", fields={"train.seed": "Old."})
    make_event(run, EventKind.STATUS, status="pending")
    assert fields_at_fault(run) == {}
    make_event(run, EventKind.STATUS, status="failed", fields={"model.heads": "Must divide."})
    make_event(run, EventKind.LOG, message="bye")
    assert fields_at_fault(run) == {"model.heads": "Must divide."}


def test_an_interrupted_run_says_so_and_how_often() -> None:
    cause = "The worker was stopped. It goes on from step 40."
    assert interruption(make_run(message=cause, losses=2)) == f"Interrupted (2 of 3): {cause}"
    assert interruption(make_run(message=cause)) == f"Interrupted: {cause}"
    assert interruption(make_run()) == ""
    assert interruption(make_run(status=RunStatus.RUNNING, message=cause)) == ""


def test_children_are_listed_up_to_a_number() -> None:
    run = ended("completed")
    for _ in range(23):
        make_run(parent=run, kinship="clone")
    found = next_steps(run)
    assert (len(found.children), found.more_children) == (20, 3)

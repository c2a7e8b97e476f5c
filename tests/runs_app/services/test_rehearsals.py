"""Dress rehearsals: on a free slot, once, for exactly one configuration, with the true failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from runs_app import tasks
from runs_app.choices import JobKind, JobReason, JobState
from runs_app.execution import jobs, rehearsing, slot_rows, slots
from runs_app.execution.core_process import Command, CoreFailed
from runs_app.forecasting.rehearsed import FirstBatch, InputShape, Rehearsal
from runs_app.models import Job, Slot, TrainingRun
from runs_app.services.launch import resolve
from runs_app.services.rehearsals import ask_for_rehearsal, find_rehearsal, newest_rehearsal
from tests.synthetic import random_candles, write_candles

pytestmark = pytest.mark.django_db

PAYLOAD: dict[str, Any] = {
    "data_source": "candles.csv", "timeframes": ["1m", "5m"], "variant": "tiny",
    "overrides": "horizons.short=5m\nhorizons.long=30m\nmodel.context_bars=16",
}  # fmt: skip
AT = datetime(2024, 1, 1, tzinfo=UTC)
WORKS = Rehearsal(
    device="CPU (1 thread)", parameters=12345, decisions={"train": 9, "validation": 3, "test": 3},
    steps=3, losses=(1.0, 0.9, 0.8), validation_loss=0.9, prepare_seconds=1.0,
    first_step_seconds=1.0, seconds_per_step=0.5, steps_per_epoch=300, validated=3,
    seconds_per_validation=2.0, seconds_per_epoch=152.0, max_epochs=10, eta_seconds=1600.0,
    stops_early=True, peak_memory_bytes=5 * 10**8, machine_bytes=8 * 10**9,
    checkpoint_bytes=1_500_000, load_seconds=0.1, notes=("A note.",), seconds=9.0,
    batch=FirstBatch(
        windows=64, first=AT, last=AT, examples=(AT,), target_mean=0.0, target_deviation=1.0,
        target_scale=1e-3, inputs=(InputShape(timeframe="1m", bars=16, features=19),),
    ),
)  # fmt: skip
TOO_LARGE = CoreFailed(
    "A batch of 64 windows takes at least 9 GiB.",
    reason=JobReason.OUT_OF_MEMORY,
    status=13,
    facts={
        "failure": {
            "reason": "out_of_memory",
            "message": "A batch of 64 windows takes at least 9 GiB.",
            "fields": {"train.batch_size": "too much"},
            "asked_bytes": 9 * 1024**3,
            "free_bytes": 1024**3,
        }
    },
)


@pytest.fixture(autouse=True)
def place(runs_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place of the test's own: other tests and the machine's own runs hold locks, too."""
    own = tmp_path / "slots"
    own.mkdir()
    monkeypatch.setattr(slots, "_lock", lambda name: slots.try_lock(own / f"{name}.lock"))


@pytest.fixture
def small(data_root: Path) -> Path:
    return write_candles(data_root / "candles.csv", random_candles(4000, seed=1))


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[CoreFailed | None], list[Command]]:
    """What the core's process says; the real one is tried once below."""

    def say(failure: CoreFailed | None) -> list[Command]:
        asked: list[Command] = []

        def ask(
            command: Command,
            *,
            heard: Callable[[dict[str, Any]], object],
            wanted: Callable[[], bool],
        ) -> Any:
            assert wanted()
            asked.append(command)
            heard({"phase": "Taking 3 steps"})
            assert find_rehearsal(Job.objects.get().uid).phase == "Taking 3 steps"
            assert not Slot.objects.exclude(free_since=None).exists()
            if failure:
                raise failure
            return json.loads(WORKS.model_dump_json())

        monkeypatch.setattr(jobs, "ask_core", ask)
        return asked

    return say


def test_it_waits_once_and_belongs_to_one_configuration(small: Path) -> None:
    assert newest_rehearsal(resolve(PAYLOAD)[0]) is None
    first = ask_for_rehearsal(PAYLOAD)
    assert ask_for_rehearsal(PAYLOAD).uid == first.uid
    assert Job.objects.filter(kind=JobKind.REHEARSAL).count() == 1
    assert first.phase.startswith("Waits for a free slot")
    assert newest_rehearsal(resolve({**PAYLOAD, "batch_size": 32})[0]) is None


def test_a_busy_slot_is_waited_for_and_not_disturbed(
    small: Path, answer: Callable[[CoreFailed | None], list[Command]]
) -> None:
    asked = answer(None)
    job = Job.objects.get(uid=ask_for_rehearsal(PAYLOAD).uid)
    held = slots.acquire(len(slots.places()))
    assert held
    tasks.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, asked) == (JobState.WAITING, [])
    held.release()
    slot_rows.show()
    tasks.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, len(asked)) == (JobState.DONE, 1)
    assert not rehearsing.folder_of(job).exists()
    assert Slot.objects.exclude(free_since=None).exists()
    free = slots.acquire()
    assert free
    free.release()


def test_a_drained_slot_is_left_alone(
    small: Path, answer: Callable[[CoreFailed | None], list[Command]]
) -> None:
    asked = answer(None)
    slot_rows.show()
    Slot.objects.update(drained=True)
    tasks.carry_out(Job.objects.get(uid=ask_for_rehearsal(PAYLOAD).uid).pk)
    assert asked == []


def test_a_rehearsal_that_waits_holds_no_other_job_back(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(jobs, "_wake", woken.append)
    ask_for_rehearsal(PAYLOAD)
    other = Job.objects.create(kind=JobKind.PREDICTION)
    jobs.wake_waiting(1)
    assert woken == [other.pk]


def test_one_whose_worker_was_lost_leaves_nothing_behind(small: Path) -> None:
    slot_rows.show()
    Slot.objects.update(free_since=None)
    job = Job.objects.get(uid=ask_for_rehearsal(PAYLOAD).uid)
    rehearsing.folder_of(job).mkdir(parents=True)
    over = timezone.now() - timedelta(seconds=1)
    worker = f"{slots.host_name()}:1:abc"
    Job.objects.update(state=JobState.WORKING, worker=worker, lease_until=over)
    assert [lost.pk for lost in jobs.settle_lost()] == [job.pk]
    assert not rehearsing.folder_of(job).exists()
    assert Slot.objects.exclude(free_since=None).exists()
    found = find_rehearsal(job.uid)
    assert found.failure and found.failure.reason == JobReason.WORKER_LOST
    page = Client(headers={"Accept": "text/html"}).get(f"/rehearsals/{job.uid}").content.decode()
    assert "did not come to its end" in page and "would fail" not in page


def test_page_and_api_tell_what_was_found(
    small: Path, client: Client, answer: Callable[[CoreFailed | None], list[Command]]
) -> None:
    answer(None)
    made = client.post(
        "/rehearsals", json.dumps({"config": PAYLOAD}), content_type="application/json"
    )
    assert made.status_code == 202
    assert made.json()["status"] == "waiting"
    slot_rows.show()
    tasks.carry_out(Job.objects.get().pk)
    found = client.get(made.headers["Location"]).json()
    assert found["result"]["seconds_per_epoch"] == 152.0
    assert found["disk"]["needed_bytes"] > 3 * 1_500_000
    page = client.get(made.headers["Location"], headers={"accept": "text/html"}).content.decode()
    assert "at most" in page and "26 min 40 s" in page and "1.5 MB" in page
    assert "2024-01-01 00:00" in page
    assert client.get("/rehearsals/nosuch").status_code == 404
    wrong = client.post(
        "/rehearsals", json.dumps({"config": {**PAYLOAD, "batch_size": 0}}),
        content_type="application/json",
    )  # fmt: skip
    assert wrong.status_code == 422
    assert "config.batch_size" in wrong.content.decode()


def test_a_run_that_would_not_fit_offers_a_smaller_batch(
    small: Path, answer: Callable[[CoreFailed | None], list[Command]], client: Client
) -> None:
    answer(TOO_LARGE)
    asked = ask_for_rehearsal(PAYLOAD)
    slot_rows.show()
    tasks.carry_out(Job.objects.get().pk)
    found = find_rehearsal(asked.uid)
    assert found.failure and found.failure.reason == "out_of_memory"
    assert found.suggestion == {"train.batch_size": 4, "train.accumulation": 16}
    page = client.get(f"/rehearsals/{found.uid}", headers={"accept": "text/html"}).content.decode()
    assert "batch size 4 instead of 64" in page and "9.66 GB" in page


def test_the_real_one_by_the_command(small: Path, tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "runs.yaml"
    file.write_text(json.dumps([{"name": "one", "config": PAYLOAD}]))
    out = StringIO()
    call_command("rehearse", str(file), "--json", stdout=out, stderr=StringIO())
    found = Rehearsal.model_validate_json(out.getvalue())
    assert found.steps == 3
    assert found.machine_bytes > found.peak_memory_bytes > 10**8
    assert not TrainingRun.objects.exists()
    assert list((settings.RUNS_ROOT.parent / "rehearsals").iterdir()) == []
    with pytest.raises(CommandError) as refused:
        call_command("rehearse", "candles.csv", "train.batch_size=0", stderr=StringIO())
    assert refused.value.returncode == 2

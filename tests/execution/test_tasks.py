"""Wake-ups, the queue in the database, and slots."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from runs_app import tasks
from runs_app.choices import RunStatus
from runs_app.execution import lifecycle, recovery, slots, telemetry, wakeups
from runs_app.execution.trainer_process import TrainerServer
from runs_app.models import TrainingRun
from tests.execution.conftest import claim
from tests.execution.test_supervisor import wait_for

MakeRun = Callable[..., TrainingRun]


@pytest.fixture(autouse=True)
def scripted(server: TrainerServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tasks train with the scripted programs."""
    monkeypatch.setattr(tasks, "trainer_server", lambda: server)
    yield
    tasks.STOPPING.clear()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """Delivers each wake-up at once, to a thread of its own."""
    delivered: list[threading.Thread] = []

    def work(run_pk: int) -> None:
        try:
            tasks.run_training(run_pk)
        finally:
            connection.close()

    def deliver(run_pk: int) -> None:
        delivered.append(threading.Thread(target=work, args=(run_pk,)))
        delivered[-1].start()

    monkeypatch.setattr(wakeups, "wake", deliver)
    yield delivered
    for thread in delivered:
        thread.join(20)


def finish(threads: list[threading.Thread]) -> None:
    """Wait for all deliveries, also those that deliveries cause."""
    for thread in threads:  # grows while we wait
        thread.join(20)


def test_waiting_runs_are_trained_one_after_the_other(
    broker: list[threading.Thread], make_run: MakeRun
) -> None:
    runs = [make_run("half_second") for _ in range(3)]

    finish(broker)

    for run in runs:
        run.refresh_from_db()
        assert run.status == RunStatus.COMPLETED
    for earlier, later in zip(runs, runs[1:], strict=False):
        assert earlier.finished_at is not None
        assert later.started_at is not None
        assert earlier.finished_at <= later.started_at


def test_two_slots_train_two_runs_at_once(
    broker: list[threading.Thread], make_run: MakeRun, settings: pytest.FixtureRequest
) -> None:
    settings.RUN_SLOTS = 2  # type: ignore[attr-defined]
    runs = [make_run("slow_steps"), make_run("slow_steps")]

    wait_for(lambda: TrainingRun.objects.filter(status=RunStatus.RUNNING).count() == 2)
    for run in runs:
        lifecycle.request_cancel(run.pk)
    finish(broker)

    assert set(TrainingRun.objects.values_list("status", flat=True)) == {RunStatus.CANCELLED}


def test_a_wake_up_twice_trains_once(broker: list[threading.Thread], make_run: MakeRun) -> None:
    run = make_run("half_second")
    for _ in range(3):
        wakeups.wake(run.pk)

    finish(broker)

    run.refresh_from_db()
    assert (run.status, run.attempt) == (RunStatus.COMPLETED, 1)


def test_the_oldest_run_goes_first(make_run: MakeRun, woken: list[int]) -> None:
    oldest, newest = make_run("complete"), make_run("complete")

    tasks.run_training(newest.pk)

    oldest.refresh_from_db()
    newest.refresh_from_db()
    assert (oldest.status, newest.status) == (RunStatus.COMPLETED, RunStatus.PENDING)
    assert woken[-1] == newest.pk


@pytest.mark.parametrize("status", [RunStatus.CANCELLED, RunStatus.RUNNING])
def test_a_wake_up_for_a_run_not_waiting_does_nothing(make_run: MakeRun, status: RunStatus) -> None:
    run = make_run()
    TrainingRun.objects.filter(pk=run.pk).update(status=status)

    tasks.run_training(run.pk)
    tasks.run_training(run.pk + 1000)

    run.refresh_from_db()
    assert (run.status, run.attempt) == (status, 0)


def test_without_a_slot_a_run_keeps_waiting(make_run: MakeRun) -> None:
    taken = slots.acquire()
    assert taken is not None
    assert slots.acquire() is None
    run = make_run()

    tasks.run_training(run.pk)

    run.refresh_from_db()
    assert run.status == RunStatus.PENDING
    taken.release()
    again = slots.acquire()
    assert again is not None
    again.release()


def test_there_is_a_slot_for_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "gpu_uuids", lambda: ("GPU-a", "GPU-b"))

    first, second, third = slots.acquire(), slots.acquire(), slots.acquire()

    assert first is not None
    assert second is not None
    assert third is None
    assert {first.devices, second.devices} == {"GPU-a", "GPU-b"}
    first.release()
    second.release()


def test_a_worker_that_ends_takes_no_run(make_run: MakeRun) -> None:
    run = make_run()
    tasks.STOPPING.set()

    tasks.run_training(run.pk)

    run.refresh_from_db()
    assert run.status == RunStatus.PENDING


@pytest.mark.parametrize("recover", [tasks.sweep, lambda: call_command("recover_runs")])
def test_the_sweep_takes_up_the_lost_and_wakes_the_waiting(
    make_run: MakeRun, woken: list[int], recover: Callable[[], None]
) -> None:
    lost, waiting = make_run(), make_run()
    claim(lost)
    recovery.recover_lost()
    TrainingRun.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    woken.clear()

    recover()

    lost.refresh_from_db()
    assert (lost.status, lost.losses) == (RunStatus.PENDING, 1)
    assert set(woken) == {lost.pk, waiting.pk}


def test_samples_of_a_machine_without_gpu_say_so(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(b"x" * 3 * telemetry.MIB)
    sampler = telemetry.Sampler([], tmp_path)
    assert "cpu_percent" not in sampler.sample(None), "the share of an instant is no share"
    time.sleep(telemetry.SHORTEST_CPU_SECONDS)
    sample = sampler.sample(None)

    assert sample["ram_total_mb"] >= sample["ram_mb"] > 0
    assert 0 <= sample["cpu_percent"] <= 100
    assert "No NVIDIA GPU" in sample["gpu_note"]
    assert "gpu_memory_mb" not in sample
    assert 3 <= sample["run_disk_mb"] < 3.2

"""Transitions of a run: each happens once, whoever tries, and leaves one numbered event."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from runs_app.choices import RunStatus
from runs_app.execution import leases, lifecycle, recovery, run_directory
from runs_app.execution.leases import LeaseLost
from runs_app.execution.lifecycle import Outcome
from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.events import Reason
from runs_app.models import Queue, TrainingRun
from runs_app.remedies import fields_at_fault
from tests.execution.conftest import claim, directory
from tests.factories import as_stored, make_artifact, make_leak_check, make_verdict

MakeRun = Callable[..., TrainingRun]
DONE = Outcome(RunStatus.COMPLETED, Reason.COMPLETED, "Done.")


def at_once(action: Callable[[int], Any], count: int = 8) -> list[Any]:
    """The answers of ``count`` threads that call ``action`` at the same moment."""
    barrier = threading.Barrier(count)
    answers: list[Any] = [None] * count

    def work(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = action(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def statuses(run: TrainingRun) -> list[str]:
    return [e.payload["status"] for e in run.events.filter(kind="status").order_by("seq")]


def test_a_new_run_waits_and_a_worker_is_woken(
    make_run: MakeRun, woken: list[int], config: RunConfig
) -> None:
    run = make_run(name="first")

    assert (run.status, run.attempt, run.last_seq, run.name) == ("pending", 0, 1, "first")
    assert woken == [run.pk]
    text = (directory(run) / "config.yaml").read_text()
    assert from_yaml(text) == config
    assert directory(run).stat().st_mode & 0o777 == 0o700
    assert run.artifacts.get().path == "config.yaml"


def test_of_many_claims_one_wins(make_run: MakeRun) -> None:
    run = make_run()

    claims = [held for held in at_once(lambda n: lifecycle.claim(run.pk, f"w{n}")) if held]

    assert len(claims) == 1
    run.refresh_from_db()
    assert (run.status, run.attempt, run.worker) == ("running", 1, claims[0].worker)
    assert statuses(run) == ["pending", "running"]
    assert run.lease_until is not None
    assert run.lease_until > timezone.now() + timedelta(seconds=20)


def test_of_many_cancels_of_a_waiting_run_one_wins(make_run: MakeRun) -> None:
    run = make_run()

    answers = at_once(lambda _: lifecycle.request_cancel(run.pk))

    assert sum(answer is not None for answer in answers) == 1
    assert statuses(run) == ["pending", "cancelled"]
    assert lifecycle.claim(run.pk, "late") is None


def test_cancel_and_claim_at_once_end_in_one_of_two_true_states(make_run: MakeRun) -> None:
    for _ in range(5):
        run = make_run()
        both = (partial(lifecycle.claim, run.pk, "w"), partial(lifecycle.request_cancel, run.pk))
        claimed, _cancelled = at_once(lambda number, both=both: both[number](), 2)

        run.refresh_from_db()
        assert run.status == (RunStatus.RUNNING if claimed else RunStatus.CANCELLED)
        assert run.cancel_requested_at is not None
        assert run.last_seq == run.events.count()


def test_a_running_run_is_asked_to_stop(make_run: MakeRun) -> None:
    run = make_run()
    held = claim(run)
    assert not leases.wish(held).stop

    asked = lifecycle.request_cancel(run.pk)

    assert asked is not None
    assert asked.status == RunStatus.RUNNING
    assert leases.wish(held) == leases.Wish(stop=True, now=False)
    last = run.events.order_by("seq").last()
    assert last is not None
    assert last.payload["cancelling"] is True


def test_of_many_settlements_one_wins(make_run: MakeRun) -> None:
    run = make_run()
    held = claim(run)

    settled = at_once(lambda _: lifecycle.settle(held, DONE))

    assert sum(answer is not None for answer in settled) == 1
    assert statuses(run) == ["pending", "running", "completed"]
    run.refresh_from_db()
    assert run.finished_at is not None
    assert run.lease_until is None


@pytest.mark.parametrize("change", [{"worker": "other"}, {"attempt": 7}, {"status": "failed"}])
def test_only_the_holder_writes(make_run: MakeRun, change: dict[str, Any]) -> None:
    run = make_run()
    held = claim(run)
    TrainingRun.objects.filter(pk=run.pk).update(**change)

    assert not leases.renew(held)
    assert lifecycle.settle(held, DONE) is None
    with pytest.raises(LeaseLost):
        leases.wish(held)


def test_the_verdict_is_stored_and_told_with_the_status(make_run: MakeRun) -> None:
    run = make_run()
    verdict, leaks = make_verdict(), make_leak_check()
    outcome = Outcome(RunStatus.COMPLETED, Reason.COMPLETED, "Done.", verdict=verdict, leaks=leaks)

    lifecycle.settle(claim(run), outcome)

    run.refresh_from_db()
    assert (run.outcome, run.verdict) == ("beats", as_stored(verdict))
    assert run.leaks == as_stored(leaks)
    assert run.skill == pytest.approx(0.0248), "by CRPS; the skill by NLL is in nats"
    last = run.events.order_by("seq").last()
    assert last is not None
    assert last.payload["status"] == "completed"
    assert last.payload["verdict"] == run.verdict
    assert last.payload["leaks"] == run.leaks


def test_an_ended_run_knows_its_time_and_size(make_run: MakeRun) -> None:
    run = make_run()
    held = claim(run)
    make_artifact(run, "best.ckpt", size_bytes=1000, sha256="a" * 64)
    make_artifact(run, "last.ckpt", size_bytes=1000, sha256="a" * 64)
    make_artifact(run, "metrics.json", size_bytes=24, sha256="b" * 64)

    lifecycle.settle(held, Outcome(RunStatus.FAILED, Reason.CONFIG, "No."))

    run.refresh_from_db()
    config = run.artifacts.get(path="config.yaml").size_bytes
    assert run.size_bytes == config + 1024, "two names of one file count once"
    assert run.started_at
    assert run.finished_at
    assert run.seconds == pytest.approx((run.finished_at - run.started_at).total_seconds())


def test_the_fields_at_fault_are_told_with_the_status(make_run: MakeRun) -> None:
    run = make_run()
    fields = {"model.heads": "Must divide the width."}

    lifecycle.settle(claim(run), Outcome(RunStatus.FAILED, Reason.CONFIG, "No.", fields=fields))

    run.refresh_from_db()
    assert fields_at_fault(run) == fields


def test_a_new_attempt_is_not_judged_yet(make_run: MakeRun) -> None:
    run = make_run()
    TrainingRun.objects.filter(pk=run.pk).update(outcome="beats", verdict={"outcome": "beats"})

    claim(run)

    run.refresh_from_db()
    assert (run.outcome, run.verdict, run.leaks) == ("", None, None)


def test_an_ended_run_is_not_cancelled_or_claimed(make_run: MakeRun) -> None:
    run = make_run()
    lifecycle.settle(claim(run), DONE)

    assert lifecycle.request_cancel(run.pk) is None
    assert lifecycle.claim(run.pk, "again") is None


def run_out(run: TrainingRun) -> None:
    """The worker of this run has not been heard of for a whole lease."""
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_run_whose_lease_ran_out_goes_back_to_the_queue_once(
    make_run: MakeRun, woken: list[int]
) -> None:
    lost, kept = make_run(), make_run()
    held = claim(lost)
    claim(kept)
    recovery.recover_lost()
    run_out(lost)
    woken.clear()

    answers = at_once(lambda _: [run.pk for run in recovery.recover_lost()], 3)

    assert sorted(answers) == [[], [], [lost.pk]]
    lost.refresh_from_db()
    kept.refresh_from_db()
    assert (lost.status, lost.reason, lost.losses) == (RunStatus.PENDING, "", 1)
    assert "not heard of for 60 seconds" in lost.message
    assert "saved no checkpoint yet and starts over" in lost.message
    assert woken == [lost.pk]
    assert kept.status == RunStatus.RUNNING
    assert not leases.renew(held)
    assert lifecycle.settle(held, DONE) is None


def test_a_run_that_is_lost_again_and_again_fails_in_the_end(make_run: MakeRun) -> None:
    run = make_run()
    recovery.recover_lost()
    for losses in range(1, lifecycle.MAX_LOSSES + 1):
        claim(run)
        run_out(run)
        recovery.recover_lost()
        run.refresh_from_db()
        assert (run.status, run.losses, run.attempt) == (RunStatus.PENDING, losses, losses)

    claim(run)
    run_out(run)
    recovery.recover_lost()

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, "worker_lost")
    assert "Retry" in run.message
    retried = lifecycle.retry(run.pk, None)
    assert retried is not None
    assert (retried.status, retried.losses) == (RunStatus.PENDING, 0)


def test_a_lost_run_that_was_being_cancelled_is_cancelled(make_run: MakeRun) -> None:
    run = make_run()
    claim(run)
    lifecycle.request_cancel(run.pk)
    recovery.recover_lost()
    run_out(run)

    recovery.recover_lost()

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.CANCELLED, "cancelled")


def test_after_an_outage_every_lease_gets_a_fresh_period(make_run: MakeRun) -> None:
    run = make_run()
    held = claim(run)
    long_ago = timezone.now() - timedelta(hours=1)
    Queue.objects.update_or_create(pk=1, defaults={"swept_at": long_ago})
    run_out(run)

    assert recovery.recover_lost() == []  # nobody has looked for an hour
    assert leases.renew(held)
    Queue.objects.filter(pk=1).update(judge_after=timezone.now() - timedelta(seconds=1))
    assert recovery.recover_lost() == []
    run_out(run)
    assert [lost.pk for lost in recovery.recover_lost()] == [run.pk]


def test_a_clock_that_goes_back_does_not_keep_a_lost_run_alive(make_run: MakeRun) -> None:
    run = make_run()
    claim(run)
    recovery.recover_lost()
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() + timedelta(days=9))

    recovery.recover_lost()

    run.refresh_from_db()
    assert run.lease_until is not None
    assert run.lease_until < timezone.now() + timedelta(seconds=61)


def test_a_second_cancel_ends_it_now_but_a_double_click_does_not(make_run: MakeRun) -> None:
    run = make_run()
    held = claim(run)
    lifecycle.request_cancel(run.pk)

    lifecycle.request_cancel(run.pk)
    assert not leases.wish(held).now

    earlier = timezone.now() - timedelta(seconds=2)
    TrainingRun.objects.filter(pk=run.pk).update(cancel_requested_at=earlier)
    lifecycle.request_cancel(run.pk)
    assert leases.wish(held).now
    events = run.events.count()
    assert lifecycle.request_cancel(run.pk) is not None
    assert run.events.count() == events


def test_only_what_the_infrastructure_ended_is_retried(make_run: MakeRun) -> None:
    for reason, again in ((Reason.KILLED, True), (Reason.DATA, False), (Reason.BUG, False)):
        run = make_run()
        lifecycle.settle(claim(run), Outcome(RunStatus.FAILED, reason, "It failed."))
        assert (lifecycle.retry(run.pk, None) is not None) == again


def test_a_run_whose_directory_cannot_be_made_leaves_nothing(
    config: RunConfig, transactional_db: None
) -> None:
    def no_room(directory: Path) -> None:
        (directory / "part").write_text("half")
        raise OSError(28, "No space left on device")

    before = set(run_directory.path_of("x").parent.glob("*"))
    with pytest.raises(OSError, match="No space"):
        lifecycle.create_run(config, {}, furnish=no_room)

    assert not TrainingRun.objects.exists()
    assert set(run_directory.path_of("x").parent.glob("*")) == before


def test_a_stopped_run_is_queued_once_however_many_ask(make_run: MakeRun, woken: list[int]) -> None:
    run = make_run()
    lifecycle.settle(claim(run), Outcome(RunStatus.FAILED, Reason.KILLED, "Killed."))
    woken.clear()

    answers = at_once(lambda _: lifecycle.resume(run.pk, 7))

    assert sum(answer is not None for answer in answers) == 1
    assert woken == [run.pk]
    assert statuses(run)[-2:] == ["failed", "pending"]
    held = claim(run)
    assert held.attempt == 2
    assert lifecycle.resume(run.pk, 7) is None
    lifecycle.settle(held, DONE)
    assert lifecycle.resume(run.pk, 7) is None

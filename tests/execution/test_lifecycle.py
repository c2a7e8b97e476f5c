"""Transitions of a run: each happens once, whoever tries, and leaves one numbered event."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from runs_app.choices import RunStatus
from runs_app.execution import lifecycle
from runs_app.execution.lifecycle import LeaseLost, Outcome
from runs_app.forecasting.config.document import from_yaml
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.events import Reason
from runs_app.models import TrainingRun
from tests.execution.conftest import claim, directory
from tests.factories import as_stored, make_leak_check, make_verdict

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
    assert lifecycle.cancel_wish(held) is None

    asked = lifecycle.request_cancel(run.pk)

    assert asked is not None
    assert asked.status == RunStatus.RUNNING
    assert lifecycle.cancel_wish(held) == asked.cancel_requested_at
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

    assert not lifecycle.renew_lease(held)
    assert lifecycle.settle(held, DONE) is None
    with pytest.raises(LeaseLost):
        lifecycle.cancel_wish(held)


def test_the_verdict_is_stored_and_told_with_the_status(make_run: MakeRun) -> None:
    run = make_run()
    verdict, leaks = make_verdict(), make_leak_check()
    outcome = Outcome(RunStatus.COMPLETED, Reason.COMPLETED, "Done.", verdict=verdict, leaks=leaks)

    lifecycle.settle(claim(run), outcome)

    run.refresh_from_db()
    assert (run.outcome, run.verdict) == ("beats", as_stored(verdict))
    assert run.leaks == as_stored(leaks)
    last = run.events.order_by("seq").last()
    assert last is not None
    assert last.payload["status"] == "completed"
    assert last.payload["verdict"] == run.verdict
    assert last.payload["leaks"] == run.leaks


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


def test_a_run_whose_lease_ran_out_fails_clearly(make_run: MakeRun) -> None:
    lost, kept = make_run(), make_run()
    held = claim(lost)
    claim(kept)
    TrainingRun.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - timedelta(seconds=1))

    answers = at_once(lambda _: [run.pk for run in lifecycle.settle_expired()], 3)

    assert sorted(answers) == [[], [], [lost.pk]]
    lost.refresh_from_db()
    kept.refresh_from_db()
    assert (lost.status, lost.reason) == (RunStatus.FAILED, "worker_lost")
    assert "Retry" in lost.message
    assert kept.status == RunStatus.RUNNING
    assert not lifecycle.renew_lease(held)


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

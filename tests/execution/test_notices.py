"""What is told of: once, in the transaction of its cause, and never without it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from runs_app.choices import NotificationKind, RunStatus
from runs_app.disk import Disk
from runs_app.execution import alarms, leases, lifecycle, notices
from runs_app.execution.lifecycle import Outcome
from runs_app.execution.recorder import Batch, OffsetMoved, Span, record
from runs_app.execution.translation import translate
from runs_app.forecasting import events
from runs_app.forecasting.events import Reason
from runs_app.models import Queue, TrainingRun, Worker
from runs_app.notification_models import Alarm, Delivery, Notification, NotificationSwitch
from tests.execution.conftest import claim
from tests.factories import make_verdict

MakeRun = Callable[..., TrainingRun]
DONE = Outcome(RunStatus.COMPLETED, Reason.COMPLETED, "Done.")


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    woken: list[bool] = []
    monkeypatch.setattr("runs_app.execution.wakeups.wake_deliveries", lambda: woken.append(True))
    return woken


def told() -> list[tuple[str, str]]:
    return list(Notification.objects.order_by("id").values_list("kind", "sentence"))


def test_an_end_is_told_once_with_its_verdict(make_run: MakeRun) -> None:
    run = make_run(name="night run")
    held = claim(run)
    done = Outcome(RunStatus.COMPLETED, Reason.COMPLETED, "Done.", verdict=make_verdict())
    assert lifecycle.settle(held, done)
    assert lifecycle.settle(held, done) is None
    sentence = f"night run finished. {make_verdict().sentence}"
    assert told() == [("finished", sentence)]
    assert Notification.objects.get().run == run


@pytest.mark.parametrize(("reason", "kind"), [(Reason.BUG, "failed"), (Reason.NON_FINITE, "nan")])
def test_a_failure_is_told_with_its_sentence(make_run: MakeRun, reason: Reason, kind: str) -> None:
    lifecycle.settle(claim(make_run(name="n")), Outcome(RunStatus.FAILED, reason, "It broke."))
    assert told() == [(kind, "n failed. It broke.")]


def test_what_a_person_ended_is_not_told(make_run: MakeRun) -> None:
    held = claim(make_run())
    lifecycle.settle(held, Outcome(RunStatus.CANCELLED, Reason.CANCELLED, "Cancelled."))
    second = make_run()
    lifecycle.request_cancel(second.pk)
    assert told() == []


def test_a_lost_worker_is_told_each_time_and_a_planned_stop_is_not(make_run: MakeRun) -> None:
    run = make_run(name="n")
    for attempt in range(1, 6):
        held = claim(run)
        planned = attempt == 2
        lifecycle.lose(run.pk, held.attempt, held.worker, "Gone.", counts=not planned)
        assert lifecycle.lose(run.pk, held.attempt, held.worker, "Gone.") is None
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert [kind for kind, _ in told()] == ["lost"] * 4
    assert told()[0][1].startswith("n was interrupted. Gone. ")
    assert told()[-1][1].startswith("n failed. Gone. ")


def test_nothing_is_told_of_what_was_not_committed(make_run: MakeRun) -> None:
    held = claim(make_run())
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        lifecycle.settle(held, DONE)
        raise ZeroDivisionError
    assert told() == []
    lifecycle.settle(held, DONE)
    assert len(told()) == 1


def test_an_end_that_cannot_be_told_has_not_happened(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: whoever dies between the end and its notification has done neither."""
    held = claim(make_run())

    def die(*args: object, **options: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched, pytest.raises(ZeroDivisionError):
        patched.setattr(Delivery.objects, "bulk_create", die)
        lifecycle.settle(held, DONE)
    assert TrainingRun.objects.get(pk=held.run_pk).status == RunStatus.RUNNING
    assert told() == []


def test_a_rollback_is_told_with_its_event_and_not_again(make_run: MakeRun) -> None:
    held = claim(make_run(name="n"))
    event = events.RolledBack(from_step=9, to_step=4, message="Not finite. Went back once.")
    entry = translate(event, 1)
    assert entry
    batch = Batch([(datetime.now(UTC), entry)], events=Span(0, 10))
    record(held, batch)
    with pytest.raises(OffsetMoved):
        record(held, batch)
    assert told() == [("nan", "n: Not finite. Went back once.")]


def test_a_disk_is_told_once_until_it_is_well_again(
    transactional_db: None, settings: Settings
) -> None:
    settings.DISK_RESERVE_PERCENT = 3
    for share in (0.5, 0.09, 0.10, 0.09, 0.11, 0.08):
        alarms.look_at_disk("h", Disk(int(share * 1e12), 10**12))
    assert [kind for kind, _ in told()] == ["disk_low"]
    assert told()[0][1].startswith("Only 90.0 GB (9.0 %) of the disk")
    for share in (0.02, 0.04, 0.02, 0.06, 0.02):
        alarms.look_at_disk("h", Disk(int(share * 1e12), 10**12))
    assert len(told()) == 3  # full, and full again after it was not
    for share in (0.5, 0.09):
        alarms.look_at_disk("h", Disk(int(share * 1e12), 10**12))
    assert len(told()) == 4
    alarms.look_at_disk("other", Disk(9 * 10**10, 10**12))
    assert len(told()) == 5


def test_a_silent_worker_is_told_once(transactional_db: None) -> None:
    long_ago = timezone.now() - timedelta(seconds=2 * leases.lease_seconds())
    worker = Worker.objects.create(name="h:1:w", host="h", pid=1, seen_at=long_ago)
    Worker.objects.create(name="h:2:w", host="h", pid=2, seen_at=timezone.now())
    Worker.objects.create(name="h:3:w", host="h", pid=3, seen_at=long_ago, stopping=True)
    Queue.objects.create(pk=1, judge_after=timezone.now() + timedelta(seconds=60))
    alarms.look_for_silent()
    assert told() == [], "the database was away: everybody was silent"
    Queue.objects.update(judge_after=None)
    alarms.look_for_silent()
    alarms.look_for_silent()
    assert len(told()) == 1
    assert "h:1:w" in told()[0][1]
    worker.seen_at = timezone.now()
    worker.save()
    alarms.look_for_silent()
    assert not Alarm.objects.exists()


def test_it_goes_where_its_switch_says(
    transactional_db: None, settings: Settings, no_broker: list[bool]
) -> None:
    notices.tell(NotificationKind.LOST, "One.")
    assert not Delivery.objects.exists()
    assert not no_broker
    settings.NOTIFY_EMAIL_TO = ("a@example.org",)
    settings.NOTIFY_WEBHOOK_URL = "https://example.org"
    NotificationSwitch.objects.create(kind="finished", email=False)
    notices.tell(NotificationKind.LOST, "Two.")
    assert no_broker == [True]
    assert set(Delivery.objects.values_list("channel", flat=True)) == {"email", "webhook"}
    Delivery.objects.all().delete()
    notices.tell(NotificationKind.FINISHED, "Three.")
    assert Delivery.objects.get().channel == "webhook"

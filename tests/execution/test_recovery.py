"""Who finds a lost run reads out what its trainer wrote, to the last line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from runs_app.choices import MAX_LOSSES, RunStatus
from runs_app.execution import artifacts, lifecycle, reconcile, recovery
from runs_app.forecasting import events
from runs_app.forecasting.events import Reason
from runs_app.models import TrainingRun
from tests.execution import programs
from tests.execution.conftest import claim, directory

MakeRun = Callable[..., TrainingRun]


@pytest.fixture
def silent(make_run: MakeRun) -> TrainingRun:
    """A run that was lost often before, with one step, whose worker is not heard of any more."""
    recovery.recover_lost()
    run = make_run()
    TrainingRun.objects.filter(pk=run.pk).update(losses=MAX_LOSSES)
    held = claim(run, "elsewhere:1:abc")
    TrainingRun.objects.filter(pk=run.pk).update(
        lease_until=timezone.now() - timedelta(seconds=1), reading_attempt=held.attempt
    )
    (directory(run) / events.EVENTS_FILE).write_bytes(events.to_line(programs.step(1)))
    (directory(run) / events.CONSOLE_FILE).write_text("said at last")
    return run


def test_the_last_lines_before_the_last_loss_are_stored(silent: TrainingRun) -> None:
    assert [lost.pk for lost in recovery.recover_lost()] == [silent.pk]

    silent.refresh_from_db()
    assert (silent.status, silent.reason) == (RunStatus.FAILED, Reason.WORKER_LOST)
    assert [e.payload["message"] for e in silent.events.filter(kind="log")] == ["said at last"]
    assert silent.events.filter(kind="metrics").count() == 1


def test_a_fit_that_had_come_to_its_end_is_completed_though_it_was_being_cancelled(
    silent: TrainingRun,
) -> None:
    lifecycle.request_cancel(silent.pk)
    with (directory(silent) / events.EVENTS_FILE).open("ab") as stream:
        word = events.FitFinished(reason=Reason.COMPLETED, message="It ended by itself.")
        stream.write(events.to_line(word))

    recovery.recover_lost()

    silent.refresh_from_db()
    assert (silent.status, silent.message) == (RunStatus.COMPLETED, "It ended by itself.")


def test_the_last_word_of_an_earlier_attempt_is_not_this_ones(silent: TrainingRun) -> None:
    word = events.FitFailed(reason=Reason.DATA, message="Row 7 has no close.")
    log = directory(silent) / events.EVENTS_FILE
    log.write_bytes(events.to_line(word))
    size = log.stat().st_size
    TrainingRun.objects.filter(pk=silent.pk).update(events_offset=size, attempt_offset=size)

    recovery.recover_lost()

    silent.refresh_from_db()
    assert silent.reason == Reason.WORKER_LOST


@pytest.mark.parametrize("goes_on", [True, False])
def test_the_records_of_files_are_true_after_a_loss(silent: TrainingRun, *, goes_on: bool) -> None:
    if goes_on:
        TrainingRun.objects.filter(pk=silent.pk).update(losses=0)
    artifacts.register_all(silent.pk, directory(silent))
    with (directory(silent) / events.CONSOLE_FILE).open("a") as console:
        console.write(" and more")

    recovery.recover_lost()
    if goes_on:
        lifecycle.request_cancel(silent.pk)

    silent.refresh_from_db()
    assert silent.is_final
    assert reconcile.differences_of(silent, verify=True) == []

"""Each line of the trainer's files becomes one event, whatever is tried twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import OperationalError

from runs_app.execution import recorder
from runs_app.execution.feed import Feed
from runs_app.execution.leases import Claim, LeaseLost
from runs_app.execution.patience import Patience
from runs_app.execution.recorder import Batch, OffsetMoved, Span, record
from runs_app.execution.translation import Entry, translate
from runs_app.forecasting import events
from runs_app.models import TrainingRun
from tests.execution.conftest import claim, directory

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def run(make_run: Callable[..., TrainingRun]) -> TrainingRun:
    return make_run()


@pytest.fixture
def held(run: TrainingRun) -> Claim:
    return claim(run)


def entry(event: events.Event) -> tuple[datetime, Entry]:
    made = translate(event, 1)
    assert made is not None
    return event.at, made


def step(number: int, loss: float = 0.5) -> events.StepTaken:
    return events.StepTaken(epoch=1, step=number, train_loss=loss, learning_rate=1e-3)


def steps(run: TrainingRun) -> list[int]:
    found = run.events.filter(kind="metrics").order_by("seq")
    return [event.payload["step"] for event in found]


def append(run: TrainingRun, *numbers: int) -> None:
    with (directory(run) / events.EVENTS_FILE).open("ab") as stream:
        stream.writelines(events.to_line(step(number)) for number in numbers)


def feed(held: Claim, run: TrainingRun) -> Feed:
    return Feed(held, directory(run), Patience(lambda: True))


def test_a_batch_and_its_offsets_are_one(run: TrainingRun, held: Claim) -> None:
    batch = Batch([entry(step(1)), entry(step(2))], Span(0, 100), Span(0, 7))

    assert record(held, batch) == 4

    run.refresh_from_db()
    assert (run.last_seq, run.events_offset, run.console_offset) == (4, 100, 7)
    assert [event.seq for event in run.events.order_by("seq")] == [1, 2, 3, 4]


def test_the_same_batch_again_is_refused(run: TrainingRun, held: Claim) -> None:
    batch = Batch([entry(step(1))], Span(0, 100))
    record(held, batch)

    with pytest.raises(OffsetMoved):
        record(held, batch)

    assert steps(run) == [1]


def test_a_batch_of_a_lost_claim_is_refused(run: TrainingRun, held: Claim) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(attempt=2)

    with pytest.raises(LeaseLost):
        record(held, Batch([entry(step(1))], Span(0, 100)))

    assert steps(run) == []


def test_a_batch_that_breaks_halfway_leaves_nothing(
    run: TrainingRun, held: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("the disk went away")

    append(run, 1, 2)
    reading = feed(held, run)
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "_keep_checkpoints", broken)
        with pytest.raises(OperationalError):
            reading.drain()
    assert steps(run) == []
    run.refresh_from_db()
    assert (run.last_seq, run.events_offset) == (2, 0)

    feed(held, run).drain()

    assert steps(run) == [1, 2]


def test_a_second_reader_goes_on_where_the_first_was(run: TrainingRun, held: Claim) -> None:
    append(run, 1, 2)
    (directory(run) / events.CONSOLE_FILE).write_bytes(b"one\ntwo\n")
    feed(held, run).drain()
    append(run, 3)
    with (directory(run) / events.CONSOLE_FILE).open("ab") as stream:
        stream.write(b"three\n")

    feed(held, run).drain()
    feed(held, run).drain()

    assert steps(run) == [1, 2, 3]
    log = [e.payload for e in run.events.filter(kind="log").order_by("seq")]
    assert [(e["line"], e["count"], e["message"]) for e in log] == [
        (1, 2, "one\ntwo"),
        (3, 1, "three"),
    ]


def test_a_commit_whose_confirmation_was_lost_is_not_repeated(
    run: TrainingRun, held: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = recorder.record
    lost: list[bool] = []

    def loses_the_first_answer(held: Claim, batch: Batch, *, attempt: int) -> int:
        seq = real(held, batch, attempt=attempt)
        if not lost:
            lost.append(True)
            raise OperationalError("server closed the connection unexpectedly")
        return seq

    monkeypatch.setattr("runs_app.execution.feed.record", loses_the_first_answer)
    append(run, 1, 2)
    reading = Feed(held, directory(run), Patience(lambda: False))
    reading.drain()
    append(run, 3)
    reading.drain()

    assert lost
    assert steps(run) == [1, 2, 3]


def test_the_snapshot_keeps_the_newest_and_the_best(run: TrainingRun, held: Claim) -> None:
    def epoch(number: int, loss: float) -> events.EpochFinished:
        return events.EpochFinished(
            epoch=number,
            step=number * 10,
            train_loss=0.1,
            learning_rate=1e-3,
            metrics={"val_loss": loss, "val_da": 0.5},
            seconds=1.0,
        )

    losses = (0.3, 0.2, float("nan"), 0.4)
    record(held, Batch([entry(epoch(n, loss)) for n, loss in enumerate(losses, 1)], Span(0, 1)))

    run.refresh_from_db()
    assert (run.epoch, run.step, run.val_loss, run.best_val_loss) == (4, 40, 0.4, 0.2)
    assert run.metrics["val_da"] == 0.5
    record(held, Batch([entry(step(41, float("inf")))], Span(1, 2)))
    run.refresh_from_db()
    assert run.train_loss is None
    assert run.metrics["train_loss"] == "Infinity"
    assert run.best_val_loss == 0.2


def test_checkpoints_come_and_go(run: TrainingRun, held: Claim) -> None:
    def saved(number: int, *, best: bool) -> events.CheckpointSaved:
        return events.CheckpointSaved(
            path=f"checkpoints/checkpoint-epoch{number}.ckpt",
            epoch=number,
            step=number,
            val_loss=1.0,
            size_bytes=5,
            sha256="0" * 64,
            is_best=best,
        )

    gone = events.CheckpointRemoved(path="checkpoints/checkpoint-epoch1.ckpt")
    record(held, Batch([entry(saved(1, best=True))], Span(0, 1)))
    record(held, Batch([entry(saved(2, best=True)), entry(saved(3, best=False))], Span(1, 2)))
    assert [(c.epoch, c.is_best, c.is_last) for c in run.checkpoints.all()] == [
        (1, False, False),
        (2, True, False),
        (3, False, True),
    ]

    record(held, Batch([entry(gone)], Span(2, 3)))

    assert [c.epoch for c in run.checkpoints.all()] == [2, 3]
    assert run.artifacts.filter(kind="checkpoint").count() == 2
    last = run.events.order_by("seq").last()
    assert last is not None
    assert last.payload["removed"] is True


def test_the_baselines_are_told_and_kept(run: TrainingRun, held: Claim) -> None:
    scores = {"garch": {"val_nll": -5.25, "val_crps": float("nan"), "val_pinball": None}}
    stored = {"garch": {"val_nll": -5.25, "val_crps": "NaN", "val_pinball": None}}

    record(held, Batch([entry(events.BaselinesScored(scores=scores)), entry(step(1))]))

    run.refresh_from_db()
    assert run.metrics["baselines"] == stored
    told = run.events.filter(kind="metrics").order_by("seq").first()
    assert told is not None
    assert told.payload == {"baselines": stored}


def test_the_scores_of_the_best_epoch_are_kept_together(run: TrainingRun, held: Claim) -> None:
    def epoch(number: int, loss: float) -> events.EpochFinished:
        scores = {"val_loss": loss, "val_nll": -number}
        return events.EpochFinished(
            epoch=number, step=number, train_loss=1, learning_rate=1, metrics=scores, seconds=1
        )

    record(held, Batch([entry(epoch(1, 0.5)), entry(epoch(2, 0.25)), entry(epoch(3, 0.75))]))

    run.refresh_from_db()
    assert run.metrics["best"] == {"epoch": 2, "val_loss": 0.25, "val_nll": -2.0}
    assert (run.val_loss, run.best_val_loss, run.val_nll, run.val_crps) == (0.75, 0.25, -2.0, None)
    assert run.seconds is not None
    assert run.seconds >= 0

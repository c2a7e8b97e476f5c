"""Every way a trainer can end has one state, one reason and one sentence."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from runs_app.choices import RunStatus
from runs_app.execution.lifecycle import Outcome
from runs_app.execution.outcome import Evidence, Interrupted, judge, said_last
from runs_app.execution.trainer_process import Exit
from runs_app.forecasting.events import (
    EXIT_CODES,
    HELD_EXIT,
    REPLACED_EXIT,
    FitFailed,
    FitFinished,
    Reason,
)
from tests.factories import make_leak_check, make_verdict

DONE = FitFinished(reason=Reason.COMPLETED, message="Done.")
STOPPED = FitFinished(reason=Reason.CANCELLED, message="Stopped after 3 steps.")
NAN = FitFailed(reason=Reason.NON_FINITE, message="The loss became NaN in step 7.")
KILLED = Exit(-signal.SIGKILL, peak_bytes=2**30)


@pytest.mark.parametrize(
    ("evidence", "status", "reason", "words"),
    [
        (Evidence(Exit(0), DONE), "completed", "completed", "Done."),
        (Evidence(Exit(-11), DONE), "completed", "completed", "Done."),
        (Evidence(Exit(0), DONE, cancel_requested=True), "completed", "completed", "Done."),
        (Evidence(Exit(14), NAN), "failed", "non_finite", "NaN in step 7"),
        (Evidence(Exit(14), NAN, cancel_requested=True), "failed", "non_finite", "step 7"),
        (Evidence(Exit(10), STOPPED, cancel_requested=True), "cancelled", "cancelled", "3 steps"),
        (Evidence(Exit(-15), None, cancel_requested=True), "cancelled", "cancelled", "request"),
        (
            Evidence(KILLED, None, cancel_requested=True, killed_by_us=True),
            "cancelled",
            "cancelled",
            "was killed",
        ),
        (Evidence(Exit(10), STOPPED), "failed", "killed", "other than AiStemPre"),
        (Evidence(KILLED, None, memory_kills=1), "failed", "out_of_memory", "1,024 MB"),
        (Evidence(KILLED, None), "failed", "killed", "counted no kill for lack of memory"),
        (Evidence(KILLED, None, halt="It hung."), "failed", "stalled", "It hung."),
        (Evidence(Exit(0), DONE, worker_stopping=True), "completed", "completed", "Done."),
        (Evidence(Exit(-9, lost=True), DONE), "completed", "completed", "Done."),
        (Evidence(Exit(-9, lost=True), None, cancel_requested=True), "cancelled", "cancelled", "C"),
        (Evidence(Exit(-15), None), "failed", "killed", "SIGTERM"),
        (Evidence(Exit(-11), None), "failed", "bug", "SIGSEGV"),
        (Evidence(Exit(-40), None), "failed", "bug", "signal 40"),
        (Evidence(Exit(12), None), "failed", "data", "candle data"),
        (Evidence(Exit(15), None), "failed", "disk_full", "disk is full"),
        (Evidence(Exit(3), None, log_tail=("oh", " ")), "failed", "bug", 'Its last line: "oh".'),
        (Evidence(Exit(0), None), "failed", "bug", "exit code 0"),
    ],
)
def test_one_verdict(evidence: Evidence, status: str, reason: str, words: str) -> None:
    outcome = judge(evidence)

    assert isinstance(outcome, Outcome)
    assert (outcome.status, outcome.reason) == (status, reason)
    assert words in outcome.message


@pytest.mark.parametrize(
    ("evidence", "counts"),
    [
        (Evidence(Exit(10), STOPPED, worker_stopping=True), False),
        (Evidence(KILLED, None, worker_stopping=True), False),
        (Evidence(Exit(-9, lost=True), None), True),
        (Evidence(Exit(-9, lost=True), STOPPED), True),
        (Evidence(Exit(REPLACED_EXIT), None), True),
        (Evidence(Exit(HELD_EXIT), None), True),
    ],
)
def test_what_is_not_the_runs_own_end_interrupts_it(evidence: Evidence, counts: bool) -> None:
    outcome = judge(evidence)

    assert isinstance(outcome, Interrupted)
    assert outcome.counts is counts


def test_what_a_trainer_said_before_its_worker_was_lost_stands() -> None:
    done, nan = said_last(DONE), said_last(NAN)

    assert done is not None
    assert nan is not None
    assert (done.status, done.message) == (RunStatus.COMPLETED, "Done.")
    assert (nan.status, nan.reason) == (RunStatus.FAILED, Reason.NON_FINITE)
    assert said_last(STOPPED) is None
    assert said_last(None) is None


@pytest.mark.parametrize("code", sorted(set(EXIT_CODES.values())))
def test_every_exit_code_of_the_trainer_has_a_sentence(code: int) -> None:
    outcome = judge(Evidence(Exit(code), None))

    assert isinstance(outcome, Outcome)
    assert outcome.status == RunStatus.FAILED
    assert outcome.message.endswith((".", "nothing."))


def test_only_a_failure_carries_the_log() -> None:
    tail: dict[str, Any] = {"log_tail": ("a line",)}

    assert judge(Evidence(Exit(0), DONE, **tail)).log_tail == ()
    assert judge(Evidence(Exit(14), NAN, **tail)).log_tail == ("a line",)


def test_the_verdict_comes_with_a_completed_fit_only() -> None:
    judged = DONE.model_copy(update={"verdict": make_verdict(), "leaks": make_leak_check()})

    completed = judge(Evidence(Exit(0), judged))

    assert (completed.verdict, completed.leaks) == (judged.verdict, judged.leaks)
    cancelled = judge(Evidence(Exit(10), STOPPED, cancel_requested=True))
    assert (cancelled.verdict, cancelled.leaks) == (None, None)


def test_the_fields_at_fault_are_kept() -> None:
    word = FitFailed(reason=Reason.CONFIG, message="No.", fields={"model.heads": "Must divide."})
    outcome = judge(Evidence(Exit(11), word))
    assert isinstance(outcome, Outcome)
    assert outcome.fields == {"model.heads": "Must divide."}


def test_how_much_memory_was_short_is_kept_as_far_as_it_is_known() -> None:
    word = FitFailed(reason=Reason.OUT_OF_MEMORY, message="No.", asked_bytes=4, free_bytes=0)
    code = EXIT_CODES[Reason.OUT_OF_MEMORY]
    outcome = judge(Evidence(Exit(code), word))
    assert isinstance(outcome, Outcome)
    assert outcome.shortage == {"asked_bytes": 4, "free_bytes": 0}
    unknown = judge(Evidence(Exit(code), word.model_copy(update={"free_bytes": None})))
    assert isinstance(unknown, Outcome)
    assert unknown.shortage == {"asked_bytes": 4}

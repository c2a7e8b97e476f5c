"""From how a trainer ended to the run's one true state, one word and one readable sentence."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from runs_app.choices import RunStatus
from runs_app.execution.lifecycle import Outcome
from runs_app.execution.trainer_process import Exit
from runs_app.forecasting.events import (
    EXIT_CODES,
    HELD_EXIT,
    REASON_OF_CODE,
    REPLACED_EXIT,
    FitFailed,
    FitFinished,
    Reason,
)

MIB = 1024 * 1024

CANCELLED = "Cancelled on request."
WORKER_STOPPED = "The worker was stopped while this run was training."
SERVER_LOST = "The process that starts trainers ended and took this run with it."
TAKEN = "The run's directory was in the hands of another attempt."
SENTENCES: dict[Reason, str] = {
    Reason.CONFIG: "The configuration could not be used; the log says which field is at fault.",
    Reason.DATA: "The candle data could not be used; the log says which row is at fault.",
    Reason.OUT_OF_MEMORY: "Memory ran out. Choose a smaller batch size, context or network.",
    Reason.NON_FINITE: "The loss became NaN or infinite. Choose a lower learning rate.",
    Reason.DISK_FULL: "The disk is full. Delete old runs, then go on with Retry.",
}


@dataclass(frozen=True)
class Interrupted:
    """The attempt ended, but not the run: it goes back to the queue. ``cause`` is a sentence."""

    cause: str
    counts: bool = True
    """False where the interruption was planned, so that it says nothing about the machines."""


@dataclass(frozen=True)
class Evidence:
    """Everything known about how one attempt ended."""

    exit: Exit
    last_word: FitFinished | FitFailed | None
    cancel_requested: bool = False
    worker_stopping: bool = False
    killed_by_us: bool = False
    halt: str = ""
    """Why the supervisor ended it for want of progress, in a sentence."""
    memory_kills: int = 0
    """Processes the kernel killed for lack of memory meanwhile."""
    log_tail: tuple[str, ...] = ()


def judge(evidence: Evidence) -> Outcome | Interrupted:
    """The outcome; the trainer's own last word weighs more than how its process ended."""
    if interrupted := _interrupted(evidence):
        return interrupted
    status, reason, message = _verdict(evidence)
    word = evidence.last_word
    if status is RunStatus.FAILED:
        if not isinstance(word, FitFailed):
            return Outcome(status, reason, message, evidence.log_tail)
        known = {"asked_bytes": word.asked_bytes, "free_bytes": word.free_bytes}
        shortage = {name: size for name, size in known.items() if size is not None}
        return Outcome(
            status, reason, message, evidence.log_tail, fields=word.fields, shortage=shortage
        )
    if status is RunStatus.COMPLETED and isinstance(word, FitFinished):
        return Outcome(status, reason, message, verdict=word.verdict, leaks=word.leaks)
    return Outcome(status, reason, message)


def said_last(word: FitFinished | FitFailed | None) -> Outcome | None:
    """The outcome that a trainer reported whose worker was lost before it was settled, if it did.

    A fit that was stopped has not ended: it goes on.
    """
    if word is None or (isinstance(word, FitFinished) and word.reason is Reason.CANCELLED):
        return None
    found = judge(Evidence(exit=Exit(EXIT_CODES.get(word.reason, 1)), last_word=word))
    return found if isinstance(found, Outcome) else None


def _interrupted(evidence: Evidence) -> Interrupted | None:
    """Where the infrastructure and not the run is to blame."""
    word = evidence.last_word
    if evidence.cancel_requested or evidence.halt or isinstance(word, FitFailed):
        return None
    if isinstance(word, FitFinished) and word.reason is not Reason.CANCELLED:
        return None
    if evidence.worker_stopping:
        return Interrupted(WORKER_STOPPED, counts=False)
    if evidence.exit.lost:
        return Interrupted(SERVER_LOST)
    if evidence.exit.code in (REPLACED_EXIT, HELD_EXIT):
        return Interrupted(TAKEN)
    return None


Verdict = tuple[RunStatus, Reason, str]


def _verdict(evidence: Evidence) -> Verdict:
    word = evidence.last_word
    if isinstance(word, FitFailed):
        return RunStatus.FAILED, word.reason, word.message
    if isinstance(word, FitFinished) and word.reason is not Reason.CANCELLED:
        return RunStatus.COMPLETED, word.reason, word.message
    if evidence.cancel_requested:
        forced = (
            " The trainer did not stop in time and was killed." if evidence.killed_by_us else ""
        )
        return RunStatus.CANCELLED, Reason.CANCELLED, _said(word, CANCELLED) + forced
    if evidence.halt:
        return RunStatus.FAILED, Reason.STALLED, evidence.halt
    if isinstance(word, FitFinished):
        return (
            RunStatus.FAILED,
            Reason.KILLED,
            (
                "Something on the worker's machine other than AiStemPre asked the trainer to stop. "
                "Go on with Retry."
            ),
        )
    return _by_exit(evidence)


def _said(word: FitFinished | None, otherwise: str) -> str:
    return word.message if word and word.message else otherwise


def _by_exit(evidence: Evidence) -> Verdict:
    exit_ = evidence.exit
    if exit_.code < 0:
        return _by_signal(evidence, -exit_.code)
    reason = REASON_OF_CODE.get(exit_.code, Reason.BUG)
    if reason is Reason.CANCELLED:
        return RunStatus.FAILED, Reason.KILLED, "The trainer was asked to stop from outside."
    if reason in SENTENCES:
        return RunStatus.FAILED, reason, SENTENCES[reason]
    last = next((line for line in reversed(evidence.log_tail) if line.strip()), "")
    said = f' Its last line: "{last}".' if last else " It printed nothing."
    return (
        RunStatus.FAILED,
        Reason.BUG,
        (f"The trainer ended with exit code {exit_.code} and reported no result.{said}"),
    )


def _by_signal(evidence: Evidence, number: int) -> Verdict:
    peak = f"{evidence.exit.peak_bytes / MIB:,.0f} MB"
    if number == signal.SIGKILL and evidence.memory_kills:
        return (
            RunStatus.FAILED,
            Reason.OUT_OF_MEMORY,
            (
                f"The system ran out of memory and killed the trainer, which had used {peak}. "
                "Choose a smaller batch size, context or network, or fewer bars."
            ),
        )
    if number == signal.SIGKILL:
        return (
            RunStatus.FAILED,
            Reason.KILLED,
            (
                f"The trainer was killed from outside (SIGKILL) after using {peak} of memory; this "
                "machine counted no kill for lack of memory. Go on with Retry. "
                "If it is killed again, look for a memory limit set elsewhere, or "
                "choose a smaller batch size, context or network."
            ),
        )
    if number in {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}:
        return (
            RunStatus.FAILED,
            Reason.KILLED,
            (f"The trainer was ended from outside ({_name(number)}). Go on with Retry."),
        )
    return (
        RunStatus.FAILED,
        Reason.BUG,
        (
            f"The trainer crashed in native code ({_name(number)}). The last log lines show where; "
            "if it happens again, report it together with the run's config.yaml and console.log."
        ),
    )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # the real-time signals have no names

"""Ask the forecasting core for something short, in a disposable process of its own.

Candle files are parsed, networks loaded and checks run where a fault, a flood of memory or an
endless loop ends that process and nothing else. Its death is an ordinary answer.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from runs_app.choices import JobReason
from runs_app.execution.trainer_process import PROJECT_ROOT, child_environment
from runs_app.forecasting import parent
from runs_app.forecasting.cores import threads_for
from runs_app.forecasting.events import REASON_OF_CODE, Reason

logger = logging.getLogger(__name__)

MEMORY_BYTES = 2 * 1024**3
"""Resident memory of one such process; more ends it."""

SECONDS = 600.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
LISTENED_BYTES = 4096
POLL_SECONDS = 0.1
WATCH_SECONDS = 1.0
_TRACEBACK = "Traceback (most recent call last)"
"""Planned refusals end with a sentence alone."""
_LOGGED_CHARACTERS = 20_000


FAULT = "A fault of the product; the worker's log has the details."


class CoreFailed(Exception):
    """``str(error)`` is a sentence for the user, ``reason`` the word for it.

    ``status``: exit status, None where it was ended. ``facts``: what the process still said as one
    JSON object, empty where nothing.
    """

    def __init__(
        self,
        sentence: str,
        *,
        reason: JobReason = JobReason.REFUSED,
        status: int | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.reason = reason
        self.status = status
        self.facts = facts or {}
        super().__init__(sentence)


@dataclass(frozen=True)
class Command:
    """``python -m module arguments``, and what it may take."""

    module: str
    arguments: tuple[str, ...]
    seconds: float = SECONDS
    memory_bytes: int = MEMORY_BYTES
    threads: int = 0
    """Cores it works on; 0: those that fits leave over."""
    devices: str = ""
    """Value of CUDA_VISIBLE_DEVICES; empty: as it is."""


def ask_core(
    command: Command,
    *,
    heard: Callable[[dict[str, Any]], object] | None = None,
    wanted: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """The JSON object that the command prints as its last line of stdout.

    ``heard`` gets each newest object while it works. ``wanted`` is asked every second; once it says
    no, the process is ended. The process sees none of this one's secrets and does not outlive it.
    Raises ``CoreFailed`` when it ends with another status than 0 (its last line of stderr is the
    sentence), goes beyond a limit, or is not wanted any more (reason ``CANCELLED``).
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            (*_python(), command.module, *command.arguments),
            cwd=PROJECT_ROOT,
            env=_environment(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            _wait(process, command, _listener(out.fileno(), heard), wanted)
        except BaseException:
            _end(process)
            raise
        facts = _last_object(_tail(out))
        if process.returncode == 0 and facts is not None:
            return facts
        said = _tail(err)
    raise _failure(command, process.returncode, said, facts)


def _failure(command: Command, status: int, said: str, facts: dict[str, Any] | None) -> CoreFailed:
    sentence = _last_line(said) or "It ended without an answer."
    reason = JobReason(REASON_OF_CODE.get(status or 1, Reason.BUG))
    logger.warning("%s ended with status %s: %s", command.module, status, sentence)
    if _TRACEBACK in said:
        logger.error("%s", said[-_LOGGED_CHARACTERS:])
        sentence, reason = FAULT, JobReason.BUG
    if status < 0:
        name = signal.Signals(-status).name
        sentence = f"It was ended by the system ({name}); there may be too little memory."
        reason = JobReason.KILLED
    return CoreFailed(sentence, reason=reason, status=status, facts=facts)


def _python() -> tuple[str, ...]:
    """``python -m`` for a process that dies with this one."""
    return (sys.executable, "-P", parent.__file__, str(os.getpid()))


def _environment(command: Command) -> dict[str, str]:
    own = {"CUDA_VISIBLE_DEVICES": command.devices} if command.devices else {}
    return child_environment(command.threads or threads_for()) | own


def _listener(out: int, heard: Callable[[dict[str, Any]], object] | None) -> Callable[[], None]:
    """Look once at what was printed since; the child's own place in the file stays where it is."""
    known = 0

    def listen() -> None:
        nonlocal known
        size = os.fstat(out).st_size
        if heard is None or size == known:
            return
        known = size
        start = max(0, size - LISTENED_BYTES)
        text = os.pread(out, size - start, start).decode("utf-8", "replace")
        whole, _, _ = text.rpartition("\n")
        said = _last_object(whole)
        if said is not None:
            heard(said)

    return listen


def _wait(
    process: subprocess.Popen[bytes],
    command: Command,
    listen: Callable[[], None],
    wanted: Callable[[], bool] | None,
) -> None:
    """Until it has ended; raises ``CoreFailed`` at a limit, or when it is not wanted any more."""
    seconds, memory_bytes = command.seconds, command.memory_bytes
    watched = psutil.Process(process.pid)
    waited = asked = 0.0
    while True:
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            waited += POLL_SECONDS
        else:
            return
        listen()
        if wanted is not None and waited - asked >= WATCH_SECONDS:
            asked = waited
            if not wanted():
                raise CoreFailed("It was cancelled.", reason=JobReason.CANCELLED)
        if waited > seconds:
            raise CoreFailed(
                f"It took longer than {seconds:,.0f} seconds and was ended.",
                reason=JobReason.TIME_LIMIT,
            )
        try:
            held = watched.memory_info().rss
        except psutil.Error:
            continue
        if held > memory_bytes:
            raise CoreFailed(
                f"It needed more than {memory_bytes / 1024**3:.1f} GiB of memory and was ended; "
                "choose a shorter time or a smaller file.",
                reason=JobReason.OUT_OF_MEMORY,
            )


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to its whole group; it has nothing to save."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(file: Any) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - MAX_ANSWER_BYTES))
    text: str = file.read().decode("utf-8", "replace")
    return text


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:2000] if lines else ""


def _last_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(_last_line_whole(text))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _last_line_whole(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")

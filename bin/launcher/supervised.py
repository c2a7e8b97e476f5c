"""One process that is to stay up: noticed when it ends or falls silent, and started again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from launcher.backoff import Backoff
from launcher.ends import End, in_words, ordinal
from launcher.orphans import kill_orphans, orphans
from launcher.processes import GRACE_SECONDS, Processes
from launcher.question import Pulse

LEFTOVER_SECONDS = 5.0
"""Time for what a dead process leaves to end by itself, before it is killed."""
LAST_WORDS = 300

Ready = Callable[[float], bool]


class Supervised:
    """Looks after a process that was started once; instants are those of one monotonic clock."""

    def __init__(
        self,
        name: str,
        command: str,
        processes: Processes,
        *,
        ready: Ready,
        pulse: Pulse,
        before_restart: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.end: End | None = None
        """The last end; None as long as there was none."""
        self._command = command
        self._processes = processes
        self._ready = ready
        self._pulse = pulse
        self._before_restart = before_restart
        self._say = say
        self._backoff = Backoff()
        self._well_since: float | None = None
        self._again_at: float | None = None
        self._asked_at: float | None = None

    def begin(self, now: float) -> None:
        """It was started just now, or is looked at from now on."""
        self._well_since = self._again_at = self._asked_at = None
        self._pulse.begin(now)

    def look(self, now: float) -> None:
        """Do what is due; to be called several times a second."""
        if self._again_at is not None:
            self._start_again(now, self._again_at)
            return
        status = self._processes.status(self.name)
        if status is not None:
            self._has_ended(self._how(status), now)
        elif self._asked_at is not None:
            if now > self._asked_at + GRACE_SECONDS:
                self._processes.kill(self.name)
        elif self._pulse.is_lost(now):
            self._asked_at = now
            self._processes.ask_to_end(self.name)
        elif self._well_since is None and self._ready(now):
            self._well_since = now
            if self.end:
                self.end = replace(self.end, up=True)
                self._say(f"The {self.name} process is ready again.")

    def _how(self, status: int) -> str:
        if self._asked_at is None:
            return in_words(status)
        return "stopped answering"

    def _has_ended(self, how: str, now: float) -> None:
        # One that fell silent was up, but not in good order.
        well_since = None if self._asked_at is not None else self._well_since
        pause = self._backoff.seconds(0.0 if well_since is None else now - well_since)
        self._again_at = now + pause
        self._well_since = self._asked_at = None
        count = self.end.restarts + 1 if self.end else 1
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self.end = End(restarts=count, how=how, ended_at=at, up=False)
        when = f"in {pause:g} s" if pause else "now"
        lines = self._processes.output(self.name).split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        shown = "".join(sign if sign.isprintable() else " " for sign in said[:LAST_WORDS])
        last = f"it said last: {shown}" if said else "it said nothing"
        self._say(
            f"The {self.name} process {how} and is started again "
            f"({ordinal(count)} time) {when}; {last}"
        )

    def _start_again(self, now: float, due: float) -> None:
        own = self._processes.own
        if now < due or (now < due + LEFTOVER_SECONDS and orphans(own)):
            return
        kill_orphans(own)
        try:
            self._before_restart()
            self._processes.start(self.name, self._command)
        except OSError as error:
            self._has_ended(f"could not be started ({error.strerror})", now)
        else:
            self.begin(now)

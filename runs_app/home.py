"""The context of the home page: what runs, what waits, what ended, and where a newcomer begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runs_app.choices import FINAL, RunStatus
from runs_app.endings import reason_label
from runs_app.forecasting.sentence import sentence
from runs_app.judgement import DOUBTED, NOT_JUDGED, Badge, badge_of
from runs_app.machine import Machine, read_machine
from runs_app.models import DataSet, TrainingRun
from runs_app.queries import about
from runs_app.queueing.page import QueuePage, queue_page
from runs_app.run_table.lines import RunLine, run_lines
from runs_app.run_table.page import all_runs

SHOWN_RUNNING = 12
SHOWN_WAITING = 4
SHOWN_ENDED = 6
_LOOKED_AT = 200
"""Ended runs that are looked at for as many that are neither archived nor in the trash."""


@dataclass(frozen=True)
class EndedLine:
    """A run that has ended, in one sentence."""

    run: TrainingRun = about("The run, without its configuration.")
    badge: Badge = about("The outcome in a word, a colour and a symbol.")
    sentence: str = about("What was found, or why there is nothing.")
    ended_at: datetime = about("When it ended.")


@dataclass(frozen=True)
class HomePage:
    """Context of the home page."""

    running: list[RunLine] = about("Runs that train now, the longest first.")
    running_total: int = about("How many there are.")
    more_running: int = about("How many of them are not shown.")
    queue: QueuePage = about("The first waiting runs, hosts with slots, and findings.")
    ended: list[EndedLine] = about("The newest runs that have ended.")
    total: int = about("Runs in the database, without the trash.")
    sample: DataSet | None = about("The bundled synthetic data set, where it is there.")
    machine: Machine = about("What this machine has left.")

    @property
    def disk_is_told(self) -> bool:
        """True where a finding of the queue says of this disk what the page would say again."""
        return any(one.code in ("blocked", "disk_low") for one in self.queue.findings)


def home() -> HomePage:
    """Everything of this moment. It never reads the event table."""
    runs = TrainingRun.objects.visible()
    running = list(
        runs.filter(status=RunStatus.RUNNING)
        .order_by("started_at", "pk")
        .values_list("pk", flat=True)
    )
    return HomePage(
        running=run_lines(running[:SHOWN_RUNNING]),
        running_total=len(running),
        more_running=max(len(running) - SHOWN_RUNNING, 0),
        queue=queue_page(limit=SHOWN_WAITING),
        ended=_ended(),
        total=all_runs(),
        machine=read_machine(),
        sample=sample(),
    )


def sample() -> DataSet | None:
    """The bundled synthetic data set, where it is there and can be used."""
    return DataSet.objects.filter(synthetic=True, problem="").first()


def _ended() -> list[EndedLine]:
    # Ordered by its own index and looked through here: together with other conditions a database
    # without statistics reads every run.
    newest = (
        TrainingRun.objects.filter(finished_at__isnull=False)
        .order_by("-finished_at")
        .values_list("pk", "trashed_at", "archived_at", "status")[:_LOOKED_AT]
    )
    keys = [
        pk
        for pk, trashed_at, archived_at, status in newest
        if trashed_at is None and archived_at is None and status in FINAL
    ][:SHOWN_ENDED]
    found = TrainingRun.objects.defer("config", "request", "metrics").in_bulk(keys)
    return [_line(found[pk]) for pk in keys if pk in found]


def _line(run: TrainingRun) -> EndedLine:
    told = (run.verdict or {}).get("sentence", "")
    if not isinstance(told, str) or not told:
        told = sentence(run.message or reason_label(run))
    badge = badge_of(run)
    if badge is DOUBTED:
        told = f"Not to be believed, its leak check failed. {told}"
    return EndedLine(
        run=run,
        badge=badge or Badge(run.get_status_display(), run.colour, NOT_JUDGED.icon),
        sentence=told,
        ended_at=run.finished_at or run.created_at,
    )

"""The system rules S1 to S12, verified at a quiet moment.

Reads the database, the run directories, the process table, the logs, and what scripted trainers
and the user of the product noted. S10 is a case: the broker is emptied, and then this is called.
"""

from __future__ import annotations

from collections.abc import Iterator

from runs_app.choices import LIVE
from runs_app.execution import run_directory
from runs_app.models import TrainingRun
from tests.faults import files, machine, rows
from tests.faults.findings import Violation
from tests.faults.laboratory import Laboratory
from tests.faults.output import Tally, check_output
from tests.faults.waiting import ask


class Checker:
    """Checks one laboratory, again and again; each log line and run is counted once."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._logs: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._told: set[Violation] = set()
        self._tallies: dict[str, Tally] = {}

    @property
    def tally(self) -> Tally:
        """Over all runs that were ever checked."""
        return sum(self._tallies.values(), Tally())

    def check(self) -> list[Violation]:
        """Everything that does not hold now and was not told before."""
        found = [one for one in ask(lambda: list(self._all())) if one not in self._told]
        self._told.update(found)
        return found

    def _all(self) -> Iterator[Violation]:
        laboratory = self._laboratory
        yield from machine.check_processes(laboratory)
        for run in TrainingRun.objects.all():
            yield from self._run(run)
        yield from rows.check_slots()
        yield from rows.check_acknowledged(laboratory.user.acknowledged)
        yield from machine.check_active()
        yield from machine.check_locks(laboratory.product.home)
        yield from files.check_checkpoints()
        yield from files.check_reconciled()
        yield from files.check_drafts(laboratory.runs_root, laboratory.product.home)
        yield from files.check_logs(laboratory.logs, self._logs)
        yield from machine.check_memory(laboratory)

    def _run(self, run: TrainingRun) -> Iterator[Violation]:
        if self._known.get(run.uid) == run.last_seq:
            return
        events = list(run.events.order_by("seq"))
        run.refresh_from_db()
        if run.status in LIVE and len(events) != run.last_seq:
            events = [event for event in events if event.seq <= run.last_seq]
        yield from rows.check_run(run, events)
        if run.status not in LIVE:
            self._known[run.uid] = run.last_seq
            directory = run_directory.path_of(run.uid)
            tally = self._tallies[run.uid] = Tally()
            yield from check_output(run, events, directory, tally)

"""What a worker does every few seconds without being told: say that it is there, look around.

Nothing here needs the broker. A worker whose messages do not come, because the broker lost them or
its connection went deaf, still starts what waits and takes up what a lost worker left.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import close_old_connections, connection, transaction
from django.db.models.functions import Now

from runs_app.disk import read_disk
from runs_app.execution import alarms, jobs, leases, slot_rows, slots, worker_process
from runs_app.execution.leases import from_now
from runs_app.execution.patience import AWAY
from runs_app.execution.recovery import recover_lost
from runs_app.execution.vitals import PULSE, VITALS
from runs_app.models import Slot, Worker
from runs_app.queueing.order import is_paused, longest_wait_seconds

logger = logging.getLogger(__name__)

PULSE_SECONDS = 2.0
DEAF_SECONDS = 5.0
"""A run that has waited for so long while a slot is free was not announced: start it unasked."""

FORGET_SECONDS = 86_400.0
"""A worker or a slot that was not seen for so long is not shown any more."""


class Pulse:
    """Beats in a thread of its own until ``stopping``; ``start_next`` trains what waits, if it can.

    ``start_next`` returns when its run has ended, or at once where there is nothing to do.
    """

    def __init__(self, start_next: Callable[[], object], stopping: threading.Event) -> None:
        self._start_next = start_next
        self._stopping = stopping
        self._heard: datetime | None = None
        self._swept = 0.0
        self._away = False

    def start(self) -> None:
        """Begin to beat."""
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def hear(self) -> None:
        """The broker has brought a message."""
        self._heard = datetime.now(UTC)

    def beat(self) -> None:
        """One round; raises what the database raises."""
        self._show()
        if time.monotonic() - self._swept >= leases.renewal_seconds():
            recover_lost()
            jobs.settle_lost()
            _tidy()  # last, or nobody here could tell any more that a worker has ended
            alarms.look_at_disk(slots.host_name(), read_disk())
            alarms.look_for_silent()
            self._swept = time.monotonic()
        if not self._stopping.is_set() and self._is_overdue():
            threading.Thread(target=self._start, name="unasked").start()

    def _run(self) -> None:
        while True:
            VITALS.note(PULSE)
            try:
                close_old_connections()
                self.beat()
                self._away = False
            except AWAY as error:
                if not self._away:
                    logger.warning("The database is away: %s", error)
                self._away = True
                connection.close()
            except Exception:
                logger.exception("A round of the pulse failed; the next one tries again.")
            self._stopping.wait(PULSE_SECONDS)
            if self._stopping.is_set():
                time.sleep(PULSE_SECONDS)  # it still lives while its trainers save

    def _start(self) -> None:
        try:
            self._start_next()
        except AWAY as error:
            logger.warning("Nothing was started unasked, the database is away: %s", error)
        except Exception:
            logger.exception("What waits could not be started unasked; the next round tries again.")
        finally:
            connection.close()

    def _is_overdue(self) -> bool:
        waited = longest_wait_seconds()
        return waited is not None and waited > DEAF_SECONDS and not is_paused()

    def _show(self) -> None:
        disk = read_disk()
        Worker.objects.update_or_create(
            name=worker_process.own_name(),
            defaults={
                "host": slots.host_name(),
                "pid": os.getpid(),
                "seen_at": Now(),
                "heard_at": self._heard,
                "stopping": self._stopping.is_set(),
                "disk_free": disk.free,
                "disk_total": disk.total,
                "blocked": disk.refusal,
            },
        )
        slot_rows.show()


def _tidy() -> None:
    """Rows that say what is not so any more."""
    with transaction.atomic():
        slot_rows.leave_ended()
        gone = [w.name for w in Worker.objects.all() if worker_process.is_gone(w.name)]
        Worker.objects.filter(name__in=gone).delete()
        long_ago = from_now(-FORGET_SECONDS)
        Worker.objects.filter(seen_at__lt=long_ago).delete()
        Slot.objects.filter(seen_at__lt=long_ago, drained=False).delete()
    for name in gone:
        worker_process.forget(name)
    worker_process.clear_old()

"""What a worker's pulse tells people of by itself: a disk that fills, workers that fell silent."""

from __future__ import annotations

from django.conf import settings

from runs_app.choices import NotificationKind
from runs_app.disk import WARN_SHARE, Disk
from runs_app.execution import leases
from runs_app.execution.leases import from_now
from runs_app.execution.notices import end_alarm, raise_alarm
from runs_app.models import Worker
from runs_app.notification_models import Alarm

CALM_SHARE = 0.02
"""An alarm ends when so much more than its limit is free, so that it does not flicker."""

LOW, FULL, SILENT = "disk-low:", "disk-full:", "worker:"


def look_at_disk(host: str, disk: Disk) -> None:
    """Tell once that the disk of this host is low, and once that it is full."""
    figures = (
        f"{disk.free / 1e9:,.1f} GB ({100 * disk.share:.1f} %) of the disk that holds the runs on "
        f"{host} are free."
    )
    reserve = settings.DISK_RESERVE_PERCENT / 100
    low = f"Only {figures} Empty the trash, or delete runs that are not needed."
    full = f"Only {figures} Nothing new starts; what runs goes on. Empty the trash or delete runs."
    for key, limit, sentence in (
        (f"{LOW}{host}", WARN_SHARE, low),
        (f"{FULL}{host}", reserve, full),
    ):
        if disk.share < limit:
            raise_alarm(key, NotificationKind.DISK_LOW, sentence)
        elif disk.share >= limit + CALM_SHARE:
            end_alarm(key)


def look_for_silent() -> None:
    """Tell once of each worker that was not heard of for a whole lease and did not say good-bye."""
    if leases.is_blind():
        return
    late = Worker.objects.filter(stopping=False, seen_at__lt=from_now(-leases.lease_seconds()))
    silent = {f"{SILENT}{row.name}": row for row in late}
    for key, row in silent.items():
        raise_alarm(
            key,
            NotificationKind.WORKER_SILENT,
            f"The worker {row.name} was last heard of at {row.seen_at:%Y-%m-%d %H:%M:%S} UTC. Its "
            "runs go on elsewhere as soon as a slot is free.",
        )
    Alarm.objects.filter(key__startswith=SILENT).exclude(key__in=silent).delete()

"""Room on the disk that holds the runs: when to warn, and when nothing new may begin."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.template.defaultfilters import filesizeformat

WARN_SHARE = 0.10
"""Less than this share of the disk free is worth a warning."""


@dataclass(frozen=True)
class Disk:
    """Room where runs are stored, in bytes."""

    free: int
    total: int

    @property
    def share(self) -> float:
        """Free share of the whole, 0 to 1."""
        return self.free / self.total if self.total else 0.0

    @property
    def is_low(self) -> bool:
        """True where a person should know."""
        return self.share < WARN_SHARE

    @property
    def is_full(self) -> bool:
        """True where nothing new may begin, so that what runs can still save."""
        return self.share < settings.DISK_RESERVE_PERCENT / 100

    @property
    def reserve(self) -> int:
        """Bytes that are kept free, so that what runs can still save."""
        return round(self.total * settings.DISK_RESERVE_PERCENT / 100)

    @property
    def spare(self) -> int:
        """Bytes that may be used before nothing new begins."""
        return max(self.free - self.reserve, 0)

    @property
    def refusal(self) -> str:
        """Why nothing new begins, in a sentence; empty where it may."""
        if not self.is_full:
            return ""
        return (
            f"Only {self.free / 1e9:,.1f} GB ({100 * self.share:.1f} %) of the disk that holds the "
            f"runs are free; nothing starts below {settings.DISK_RESERVE_PERCENT:g} %. Empty the "
            "trash or delete runs that are not needed."
        )


def room_for(size: int, place: Path) -> str:
    """Why a file of ``size`` bytes may not come to ``place``, in a sentence; empty where it may."""
    disk = read_disk(place)
    if Disk(disk.free - size, disk.total).is_full:
        return (
            f"The file has {filesizeformat(size)} and {filesizeformat(disk.free)} of the disk are "
            f"free; {settings.DISK_RESERVE_PERCENT:g} % of it are kept for what runs. Make room "
            "and try again."
        )
    return ""


def read_disk(place: Path | None = None) -> Disk:
    """The figures of this moment; of the disk that holds the runs where no place is named."""
    place = Path(settings.MEDIA_ROOT) if place is None else place
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    return Disk(usage.free, usage.total)

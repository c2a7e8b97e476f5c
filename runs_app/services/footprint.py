"""Whether what a request asks for fits on the disk."""

from __future__ import annotations

from dataclasses import dataclass

from runs_app.disk import Disk, read_disk
from runs_app.forecasting.config.footprint import Footprint, footprint
from runs_app.forecasting.config.schema import RunConfig
from runs_app.services.launch import candle_facts


@dataclass(frozen=True)
class Room:
    """What runs would take, and what there is."""

    one: Footprint
    runs: int
    disk: Disk

    @property
    def total(self) -> int:
        """Bytes of all runs together."""
        return self.one.total * self.runs

    @property
    def fits(self) -> bool:
        """Whether there is room for it above the reserve."""
        return self.total <= self.disk.spare


def room_for(config: RunConfig, *, runs: int = 1) -> Room:
    """What runs of a configuration would take on the disk. Raises ``ConfigInvalid``."""
    facts = candle_facts(config)
    one = footprint(config, bars=facts.bars, bar_seconds=facts.bar_seconds)
    return Room(one, runs, read_disk())

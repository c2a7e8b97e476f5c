"""The processes of one fit, and what they tell one another between steps.

The first one leads: it alone writes, validates and judges. The others compute their share of every
step, end with it, and say nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from runs_app.forecasting.training.stopping import StopSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from runs_app.forecasting.training.failures import Failure

T = TypeVar("T")


class Ranks:
    """One process alone: it leads, and has nobody to wait for."""

    rank = 0
    size = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def new_stop(self) -> StopSignal:
        """How this process hears that it should stop."""
        return StopSignal()

    def use(self, device: torch.device) -> None:
        """Gradients will lie on ``device``."""

    def meet(self, failure: Failure | None = None) -> None:
        """Wait until every process is here.

        Where one of them comes with a ``failure``, the first raises ``PeerFailed`` with it and the
        others ``Dismissed``.
        """

    def from_first(self, work: Callable[[], T]) -> T:
        """What the first process makes of ``work``, for every one; the others wait meanwhile.

        What it raises is raised by all, as ``Dismissed`` where that is nothing to go on from.
        """
        return work()

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first process goes through the block before the others; all leave it together."""
        yield

    def leave(self) -> None:
        """No step comes after this; from here on the first process is alone."""

    def gather(self, value: Any) -> list[Any]:
        """The ``value`` of every process, in the order of their ranks."""
        return [value]


ALONE = Ranks()


class Dismissed(Exception):
    """The first process has ended the fit and says why; this one has nothing to add."""

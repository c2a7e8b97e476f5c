"""Several processes of one fit over torch.distributed.

What is small goes over gloo, which notices at once that a process is gone; on GPUs the gradients go
over NCCL. Both keep to the loopback interface.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed import FileStore  # type: ignore[attr-defined]

from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.events import Reason
from runs_app.forecasting.parent import die_with
from runs_app.forecasting.training.failures import Failure, PeerFailed, explain
from runs_app.forecasting.training.ranks import Dismissed, Ranks
from runs_app.forecasting.training.stopping import SIGNALS, StopRequested, StopSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

T = TypeVar("T")

RANK = "RANK"
"""Torchrun's own variable: which process of how many this is."""
MEETING_VARIABLE, PARENT_VARIABLE = "FIT_MEETING_FILE", "FIT_LAUNCHER"
"""What our launcher adds: a file by which the processes find one another, and its process id."""
TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID")
"""Taken out once read: Lightning would act on them."""

PATIENCE = timedelta(days=7)
"""How long a process waits for the others: while the first one validates or saves, they do. One
that is gone is noticed by its closed connection, one that hangs by whoever watches the run."""

LOST = Failure(
    Reason.BUG,
    "Another process of this run ended without a word: it was killed, or the memory of the machine "
    "was not enough. The console log has what is known. Resume the run to go on from its newest "
    "checkpoint.",
    {},
)


class LeadStop(StopSignal):
    """Our launcher passes a wish on as SIGINT; its SIGTERM says that another process has died."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """As ever; and what comes after the block can change nothing, for its end is written."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        with super().listening():
            yield

    def check(self) -> None:
        """Raise ``PeerFailed`` when another process is gone, ``StopRequested`` on a wish."""
        if self.lost:
            raise PeerFailed(LOST)
        super().check()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGTERM:
            super()._receive(number, frame)
            return
        self.lost = True
        if self._breaking:
            self._breaking = False
            raise PeerFailed(LOST)


class FollowerStop(StopSignal):
    """A follower hears of a wish from the first process, and has nothing to save.

    Our launcher's SIGTERM ends it at once. A plain torchrun's goes to every process and is a wish.
    """

    def __init__(self, *, ours: bool) -> None:
        super().__init__()
        self._ours = ours

    def claim(self) -> None:
        """Ignore what is meant for the first process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL if self._ours else signal.SIG_IGN)


class Group(Ranks):
    """This process among the others of its fit; see ``join``."""

    def __init__(self, rank: int, size: int, *, ours: bool) -> None:
        self.rank, self.size = rank, size
        self._ours = ours
        self._nccl: dist.ProcessGroup | None = None

    def new_stop(self) -> StopSignal:
        """Of the first process, or of a follower."""
        if not self.leads:
            return FollowerStop(ours=self._ours)
        return LeadStop() if self._ours else StopSignal()

    def use(self, device: torch.device) -> None:
        """Prepare the way of gradients on ``device``; every process calls it."""
        if device.type == "cuda":
            self._nccl = dist.new_group(backend="nccl", timeout=PATIENCE)
            # The first sum takes NCCL's own memory; later a step may have left none.
            self.add_up(torch.zeros(1, device=device))

    def add_up(self, values: torch.Tensor) -> None:
        """Replace ``values`` [N] by their sum over all processes, the same bits in each of them."""
        with self._reaching():
            dist.all_reduce(values, group=self._nccl)

    def gather(self, value: Any) -> list[Any]:
        """The ``value`` of every process, in the order of their ranks."""
        found: list[Any] = [None] * self.size
        with self._reaching():
            dist.all_gather_object(found, value)
        return found

    def meet(self, failure: Failure | None = None) -> None:
        """Wait for all; see ``Ranks``."""
        failures = [one for one in self.gather(failure) if one is not None]
        if failures:
            raise PeerFailed(failures[0]) if self.leads else Dismissed

    def from_first(self, work: Callable[[], T]) -> T:
        """What the first process makes of ``work``; see ``Ranks``."""
        if not self.leads:
            heard: T = self._hear()
            return heard
        try:
            result = work()
        except BaseException as error:
            self._tell((_kind_of(error), str(error)))
            raise
        self._tell(("result", result))
        return result

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """See ``Ranks``."""
        if not self.leads:
            self.meet()
        yield
        if self.leads:
            self.meet()
        self.meet()

    def leave(self) -> None:
        """Give up the way of gradients, all together."""
        if self._nccl is not None:
            self.meet()
            dist.destroy_process_group(self._nccl)
            self._nccl = None

    def fault(self, error: Exception | None) -> Exception:
        """What to raise where at least one process has failed in a step; this one by ``error``."""
        failures = self.gather(None if error is None else explain(error))
        if not self.leads:
            return Dismissed()
        if error is not None:
            return error
        return PeerFailed(next(failure for failure in failures if failure is not None))

    def _tell(self, what: tuple[str, Any]) -> None:
        with self._reaching():
            dist.broadcast_object_list([what], src=0)

    def _hear(self) -> Any:
        heard: list[Any] = [None]
        with self._reaching():
            dist.broadcast_object_list(heard, src=0)
        kind, what = heard[0]
        if kind == "result":
            return what
        if kind == "stop":
            raise StopRequested
        raise NonFiniteLoss(what) if kind == "non-finite" else Dismissed

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise (PeerFailed(LOST) if self.leads else Dismissed()) from error


def _kind_of(error: BaseException) -> str:
    if isinstance(error, StopRequested):
        return "stop"
    return "non-finite" if isinstance(error, NonFiniteLoss) else "failed"


def is_inside() -> bool:
    """Whether torchrun has started this process."""
    return RANK in os.environ


def join() -> Group:
    """Take this process's place; waits for the others.

    It is killed when what started it dies. Raises ``RuntimeError`` where the others do not come.
    """
    rank, size = int(os.environ[RANK]), int(os.environ["WORLD_SIZE"])
    meeting = os.environ.get(MEETING_VARIABLE)
    die_with(int(os.environ.get(PARENT_VARIABLE) or os.getppid()))
    if meeting:
        dist.init_process_group(
            "gloo", store=FileStore(meeting, size), rank=rank, world_size=size,
            timeout=PATIENCE,
        )  # fmt: skip
    else:
        dist.init_process_group("gloo", timeout=PATIENCE)
    for name in TORCHRUN:
        os.environ.pop(name, None)
    return Group(rank, size, ours=meeting is not None)

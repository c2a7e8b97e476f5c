"""The processes of one fit, started and watched by torchrun's agent on this machine alone.

The agent's own ways of meeting listen on every interface of the machine. Here it meets nobody, and
the processes find one another by a file. Torch puts each of them into a session of its own, so that
a signal to this process's group does not reach them: a wish to stop is passed on to the first one,
and all die with this process.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from torch.distributed import HashStore  # type: ignore[attr-defined]
from torch.distributed.elastic.agent.server.api import WorkerSpec
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.rendezvous import (
    RendezvousHandler,
    RendezvousInfo,
    RendezvousStoreInfo,
)

from runs_app.forecasting.events import EXIT_CODES, Reason
from runs_app.forecasting.training.group import MEETING_VARIABLE, PARENT_VARIABLE
from runs_app.forecasting.training.stacks import ASKED
from runs_app.forecasting.training.stopping import SIGNALS

if TYPE_CHECKING:
    from types import FrameType

    from torch.distributed.elastic.agent.server.api import WorkerGroup

FOLDER = ".ranks-{}"
"""In the run's directory, while the processes live; named by the process that starts them, so that
an attempt that was replaced cannot take its successor's away."""
PROJECT_ROOT = Path(__file__).parents[3]
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
NOT_OURS = "SIGQUIT"
"""The signal that is left to the agent: it would answer a wish by killing after a while."""
LOOK_SECONDS = 0.1


class OneMachine(RendezvousHandler):
    """The meeting of an agent that is alone: over at once, and without a socket."""

    def get_backend(self) -> str:
        """Its name in torch's logs."""
        return "one-machine"

    def next_rendezvous(self) -> RendezvousInfo:
        """The first of one; the address is that of no server."""
        return RendezvousInfo(HashStore(), 0, 1, RendezvousStoreInfo("127.0.0.1", 0))

    def is_closed(self) -> bool:
        """Never."""
        return False

    def set_closed(self) -> None:
        """There is nobody to tell."""

    def num_nodes_waiting(self) -> int:
        """No other machine wants to come in."""
        return 0

    def get_run_id(self) -> str:
        """One fit is all that there is."""
        return "fit"

    def shutdown(self) -> bool:
        """Nothing to end."""
        return True


class Agent(LocalElasticAgent):
    """Torchrun's agent, with the wish to stop passed on to the first process and no patience of
    its own: whoever asked for the stop decides how long to wait."""

    def __init__(self, spec: WorkerSpec) -> None:
        super().__init__(spec, DefaultLogsSpecs(log_dir=os.devnull))
        self._first: int | None = None
        self._all: tuple[int, ...] = ()
        self._wish: int | None = None

    def listen(self) -> None:
        """Take SIGTERM and SIGINT."""
        for number in SIGNALS:
            signal.signal(number, self._receive)
        signal.signal(ASKED, self._show_stacks)

    def _start_workers(self, worker_group: WorkerGroup) -> dict[int, Any]:
        # They start with these signals held back, and take them when they can save something.
        signal.pthread_sigmask(signal.SIG_BLOCK, (*SIGNALS, ASKED))
        try:
            found: dict[int, Any] = super()._start_workers(worker_group)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (*SIGNALS, ASKED))
        self._first = found[0]
        self._all = tuple(found.values())
        if self._wish is not None:
            self._pass_on()
        return found

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again = self._wish is not None
        self._wish = number
        if self._first is not None and not (again and number == signal.SIGTERM):
            self._pass_on()  # a second Ctrl-C means: now

    def _show_stacks(self, number: int, frame: FrameType | None) -> None:
        for pid in self._all:
            if self._lives(pid):
                os.kill(pid, number)

    def _pass_on(self) -> None:
        """As SIGINT: the agent itself sends SIGTERM when another process has died."""
        if self._first is not None and self._lives(self._first):
            os.kill(self._first, signal.SIGINT)

    def _lives(self, pid: int) -> bool:
        try:
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False


def launch(
    run_dir: Path,
    data_root: Path,
    *,
    processes: int,
    resuming: bool = False,
    attempt: int = 0,
    progress: bool = False,
) -> int:
    """Train in ``processes`` processes; returns the exit status of the first one.

    A signal that killed that one kills this process, too. None of them is started again, and where
    one dies the others are ended.
    """
    _remove_leftovers(run_dir)
    folder = run_dir / FOLDER.format(os.getpid())
    folder.mkdir()
    _set_environment(folder)
    options = ["--progress" if progress else "--no-progress", "--attempt", f"{attempt}"]
    if resuming:
        options.append("--resume")
    spec = WorkerSpec(
        role="fit",
        local_world_size=processes,
        rdzv_handler=OneMachine(),
        entrypoint=sys.executable,
        args=(
            "-m", "runs_app.forecasting", str(run_dir), "--data-root", str(data_root), *options
        ),
        max_restarts=0,
        monitor_interval=LOOK_SECONDS,
        local_addr="127.0.0.1",
    )  # fmt: skip
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    agent = Agent(spec)
    agent.listen()
    try:
        statuses = _statuses(agent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for rank, status in statuses.items():
        if status < 0:
            name = signal.Signals(-status).name
            sys.stderr.write(f"Process {rank + 1} of {processes} was ended by {name}.\n")
    return _end_like(statuses.get(0, EXIT_CODES[Reason.BUG]))


def _remove_leftovers(run_dir: Path) -> None:
    """Folders of processes that are gone, and one that had our number before us."""
    for folder in run_dir.glob(FOLDER.format("*")):
        number = folder.name.removeprefix(FOLDER.format(""))
        if number == str(os.getpid()) or not (
            number.isdecimal() and psutil.pid_exists(int(number))
        ):
            shutil.rmtree(folder, ignore_errors=True)


def _statuses(agent: Agent) -> dict[int, int]:
    """Exit status by rank, or minus the signal; of rank 0 and of all that are not 0."""
    try:
        result = agent.run()
    except SignalException:
        return {}
    return {0: 0} | {rank: failure.exitcode for rank, failure in result.failures.items()}


def _set_environment(folder: Path) -> None:
    """What the processes see besides this one's own; it does nothing else after this."""
    os.environ |= {
        MEETING_VARIABLE: str(folder.resolve() / "meeting"),
        PARENT_VARIABLE: str(os.getpid()),
        "TORCHELASTIC_SIGNALS_TO_HANDLE": NOT_OURS,
        "GLOO_SOCKET_IFNAME": LOOPBACK,
        "NCCL_SOCKET_IFNAME": LOOPBACK,
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH")))
        ),
    }


def _end_like(status: int) -> int:
    if status < 0:
        sys.stdout.flush()
        sys.stderr.flush()
        if status != -signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status if status >= 0 else EXIT_CODES[Reason.BUG]

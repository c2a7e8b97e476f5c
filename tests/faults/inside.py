"""One laboratory on one database, in a process of its own: its cases, its walk, its report.

``python -m tests.faults.inside ORDER`` with an ``Order`` as JSON; the environment names the places
of the product under test, so that Django here reads that product's database.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import django

from tests.faults.databases import PostgresHost
from tests.faults.order import Order, Verdict, mount_small_disk

order = Order(**json.loads(sys.argv[1]))
base = Path(order.base)
small_disk = mount_small_disk(base / "media")
postgres = PostgresHost() if order.database == "postgres" else None
if postgres:
    os.environ["DATABASE_URL"] = postgres.url
django.setup()

from tests.faults.laboratory import Laboratory  # noqa: E402 - after the settings are known
from tests.faults.program import carry_out  # noqa: E402


def main() -> int:
    """Run the order; 0 where everything held."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with Laboratory(base, postgres, small_disk=small_disk) as laboratory:
            verdicts = carry_out(laboratory, order)
    finally:
        if postgres:
            postgres.close()
    if order.results:
        Path(order.results).write_text(json.dumps([verdict.__dict__ for verdict in verdicts]))
    bad = [verdict for verdict in verdicts if not verdict.held]
    _print_end(verdicts, bad, time.monotonic() - began)
    return 1 if bad else 0


def _print_end(verdicts: list[Verdict], bad: list[Verdict], seconds: float) -> None:
    print(
        f"\n{order.database}: {len(verdicts) - len(bad)} of {len(verdicts)} held, "
        f"{seconds:.0f} s, seed {order.seed}"
    )
    for verdict in bad:
        print(f"  FAILED {verdict.name}: {'; '.join(verdict.faults)}")


if __name__ == "__main__":
    sys.exit(main())

"""One laboratory on one database, in a process of its own: its cases, its walk, its report.

``python -m tests.faults.inside ORDER`` with an ``Order`` as JSON; the environment names the places
of the product under test, so that Django here reads that product's database.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import django

from tests.faults.databases import PostgresHost
from tests.faults.order import DATABASE_DISK_MEGABYTES, Order, Verdict, mount_small_disk

order = Order(**json.loads(sys.argv[1]))
base = Path(order.base)
small_disk = mount_small_disk(base / "media")
postgres = PostgresHost(small_disk=order.fills_database) if order.database == "postgres" else None
database_disk = postgres.small_disk if postgres else None
if postgres:
    os.environ["DATABASE_URL"] = postgres.url
elif order.fills_database and mount_small_disk(base / "home", DATABASE_DISK_MEGABYTES):
    database_disk = base / "home"
django.setup()

from tests.faults.laboratory import Laboratory  # noqa: E402 - after the settings are known
from tests.faults.program import carry_out  # noqa: E402


def main() -> int:
    """Run the order; 0 where everything held."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with Laboratory(
            base, postgres, small_disk=small_disk, database_disk=database_disk
        ) as laboratory:
            verdicts = carry_out(laboratory, order)
    finally:
        if postgres:
            postgres.close()
    if order.results:
        Path(order.results).write_text(json.dumps([verdict.__dict__ for verdict in verdicts]))
    bad = [verdict for verdict in verdicts if not verdict.held]
    if bad and database_disk == base / "home":  # that file system ends with this process
        shutil.copytree(
            base / "home", base / "home-kept", ignore_dangling_symlinks=True, ignore=_sockets
        )
    _print_end(verdicts, bad, time.monotonic() - began)
    return 1 if bad else 0


def _sockets(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_socket()]


def _print_end(verdicts: list[Verdict], bad: list[Verdict], seconds: float) -> None:
    print(
        f"\n{order.database}: {len(verdicts) - len(bad)} of {len(verdicts)} held, "
        f"{seconds:.0f} s, seed {order.seed}"
    )
    for verdict in bad:
        print(f"  FAILED {verdict.name}: {'; '.join(verdict.faults)}")


if __name__ == "__main__":
    sys.exit(main())

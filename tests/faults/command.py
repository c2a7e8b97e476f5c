"""``bin/faults``: one laboratory per database, each in a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from launcher.checkout import ROOT
from tests.faults.order import WALK, Order

DATABASES = ("sqlite", "postgres")
DEFAULT_MINUTES = 3.0
CLOSE_SECONDS = 60.0


def main(arguments: list[str]) -> int:
    """Run what was asked for; 0 where every rule held."""
    parser = argparse.ArgumentParser(prog="bin/faults")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--short", action="store_true")
    asked = parser.parse_args(arguments)
    print(f"Seed {asked.seed}", flush=True)
    minutes = asked.minutes
    if minutes is None:
        minutes = DEFAULT_MINUTES if not asked.case or WALK in asked.case else 0.0
    status = 0
    for database in DATABASES if asked.database == "both" else (asked.database,):
        order = Order(
            base="", database=database, seed=asked.seed, cases=asked.case,
            full=not asked.short, walk_seconds=60 * minutes,
        )  # fmt: skip
        print(f"\nOn {database}:", flush=True)
        status = run(order)[0] or status
    return status


def _run_to_its_end(command: list[str], environment: dict[str, str]) -> int:
    """Exit status; where this process is interrupted, the laboratory is asked to close first."""
    inside = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return inside.wait()
    except BaseException:
        inside.terminate()
        inside.wait(CLOSE_SECONDS)
        raise


def run(order: Order) -> tuple[int, str]:
    """Exit status of one laboratory, and the directory that is kept where something failed."""
    base = Path(tempfile.mkdtemp(prefix="faults-"))
    order = Order(**asdict(order) | {"base": str(base)})
    places = {"AISTEMPRE_HOME": "home", "DATA_ROOT": "data", "MEDIA_ROOT": "media"}
    for folder in places.values():
        (base / folder).mkdir(mode=0o700)
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    environment = kept | {name: str(base / folder) for name, folder in places.items()}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "aistempre.settings",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'bin'}",
        "PYTHONWARNINGS": "ignore:XDG_RUNTIME_DIR is not set",
    }
    # Its mounts are its own and end with it.
    own_mounts = ["unshare", "--mount"] if os.geteuid() == 0 and shutil.which("unshare") else []
    command = [*own_mounts, sys.executable, "-m", "tests.faults.inside", json.dumps(asdict(order))]
    status = _run_to_its_end(command, environment)
    if status:
        print(f"The product's database and logs are kept in {base}", flush=True)
    else:
        shutil.rmtree(base, ignore_errors=True)
    return status, str(base)

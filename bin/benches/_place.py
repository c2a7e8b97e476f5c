"""What benches share that measure in another process: a place with a database, and asking there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from launcher.checkout import ROOT
from launcher.place import MODULES, environment_of


def prepare(home: Path, database_url: str = "") -> dict[str, str]:
    """The environment of processes that work in ``home``; without an address on SQLite."""
    for name in ("home", "data", "media"):
        (home / name).mkdir(parents=True, mode=0o700)
    server = {"DATABASE_URL": database_url} if database_url else {}
    environ = environment_of(home, LOG_LEVEL="ERROR", PYTHONPATH=MODULES, **server)
    migrate = [sys.executable, "manage.py", "migrate", "--noinput", "-v0"]
    subprocess.run(migrate, cwd=ROOT, env=environ, check=True)
    return environ


def command(module: str, *words: str) -> list[str]:
    """The command line of a module of the benches."""
    return [sys.executable, "-m", f"benches.{module}", *words]


def ask(environ: dict[str, str], module: str, *words: str) -> str:
    """The last line that the module prints.

    Raises ``CalledProcessError``; what it says of its failure stands on this terminal.
    """
    done = subprocess.run(
        command(module, *words), cwd=ROOT, env=environ, check=True, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]

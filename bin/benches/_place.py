"""A place of its own for what measures inside the application: folders, a migrated database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from launcher.checkout import ROOT

MODULES = f"{ROOT / 'bin'}{os.pathsep}{ROOT}"
"""Where a process finds the benches and the application."""


def prepare(home: Path, database_url: str = "") -> dict[str, str]:
    """The environment of processes that work in ``home``; without an address on SQLite."""
    for name in ("home", "data", "media"):
        (home / name).mkdir(parents=True, mode=0o700)
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    environ = kept | {
        "DJANGO_SETTINGS_MODULE": "aistempre.settings",
        "AISTEMPRE_HOME": str(home / "home"),
        "DATA_ROOT": str(home / "data"),
        "MEDIA_ROOT": str(home / "media"),
        "LOG_LEVEL": "ERROR",
        "PYTHONPATH": MODULES,
    }
    if database_url:
        environ["DATABASE_URL"] = database_url
    migrate = [sys.executable, "manage.py", "migrate", "--noinput", "-v0"]
    subprocess.run(migrate, cwd=ROOT, env=environ, check=True)
    return environ

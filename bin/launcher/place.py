"""A place of its own for a product or a part of one: its folders, and the environment there."""

from __future__ import annotations

import os
from pathlib import Path

from launcher.checkout import ROOT

MODULES = f"{ROOT / 'bin'}{os.pathsep}{ROOT}"
"""``PYTHONPATH`` of a process that finds the launcher, the benches and the application."""

_ELSEWHERE = ("DATABASE_URL", "REDIS_URL")
"""Servers that this shell may name; a place has its own."""


def environment_of(base: Path, **more: str) -> dict[str, str]:
    """The environment of processes in ``base/{home,data,media}``, with ``more`` on top."""
    kept = {key: value for key, value in os.environ.items() if key not in _ELSEWHERE}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "aistempre.settings",
        "AISTEMPRE_HOME": str(base / "home"),
        "DATA_ROOT": str(base / "data"),
        "MEDIA_ROOT": str(base / "media"),
        **more,
    }

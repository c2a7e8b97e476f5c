"""The environment, read once and typed. Nothing else in the project reads ``os.environ``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Environment:
    """Where things are and how the product is reached; all paths are absolute."""

    home: Path
    data_root: Path
    media_root: Path
    port: int
    database_url: str
    redis_url: str


def _path(name: str, default: str) -> Path:
    return (ROOT / os.environ.get(name, default)).resolve()


def read() -> Environment:
    """The settings of this process; raises ``ValueError`` with a sentence on a bad value."""
    home = _path("AISTEMPRE_HOME", "var")
    port = os.environ.get("PORT", "8000")
    if not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise ValueError(f"PORT must be a number from 1 to 65535, not {port!r}.")
    return Environment(
        home=home,
        data_root=_path("DATA_ROOT", "data"),
        media_root=_path("MEDIA_ROOT", "media"),
        port=int(port),
        database_url=os.environ.get("DATABASE_URL") or f"sqlite:///{home / 'db.sqlite3'}",
        redis_url=os.environ.get("REDIS_URL") or f"unix://{home / 'valkey.sock'}?db=0",
    )

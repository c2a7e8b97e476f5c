"""Whether the database and the sample data are as the last preparation left them.

Django needs more than a second to tell that there is nothing to do. What it would compare is
compared here without it: the code that decides about tables, and the migrations that the database
itself says it has.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote

from aistempre.env import Environment
from launcher.checkout import ROOT, VENV
from launcher.ends import write_whole

_SQLITE = "sqlite:///"


def is_prepared(env: Environment) -> bool:
    """True where nothing has to be done; False where that is not known (another database)."""
    if not env.database_url.startswith(_SQLITE):
        return False
    try:
        recorded = json.loads(_record(env).read_text())
    except (FileNotFoundError, ValueError):  # torn by a power cut, or not ours
        return False
    return bool(recorded == _state(env))


def remember(env: Environment) -> None:
    """Record that everything has been prepared now."""
    if env.database_url.startswith(_SQLITE):
        write_whole(_record(env), json.dumps(_state(env)))


def _record(env: Environment) -> Path:
    return env.run_directory / "prepared.json"


def _state(env: Environment) -> dict[str, object]:
    return {
        "code": _code(),
        "database_url": env.database_url,
        "applied": _applied(Path(unquote(env.database_url.removeprefix(_SQLITE)))),
        "data_root": str(env.data_root),
        "has_data": any(env.data_root.iterdir()),
    }


def _code() -> str:
    """Hash of what decides about tables: packages, settings, migrations."""
    digest = hashlib.sha256()
    migrations = sorted((ROOT / "runs_app" / "migrations").glob("*.py"))
    for path in (VENV / "installed", ROOT / "aistempre" / "settings.py", *migrations):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _applied(database: Path) -> list[list[str]]:
    if not database.exists():
        return []
    try:
        address = f"file:{quote(str(database))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute("SELECT app, name FROM django_migrations ORDER BY id")
            return [list(row) for row in rows]
    except sqlite3.DatabaseError:
        return []  # never migrated, or broken; the preparation tells which

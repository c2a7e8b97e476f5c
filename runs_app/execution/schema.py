"""A worker begins when the database has the tables that its code expects."""

from __future__ import annotations

import logging
import time

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from runs_app.execution.patience import AWAY

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


def wait_for_migrations() -> None:
    """Return once no migration is left to apply; says so where it has to wait."""
    said = ""
    while reason := _reason_to_wait():
        if reason != said:
            logger.warning("%s", reason)
            said = reason
        time.sleep(LOOK_SECONDS)


def _reason_to_wait() -> str:
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except AWAY as error:
        connection.close()
        return f"Waiting for the database: {error}"
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:3])
        return f"Waiting until the migrations are applied (manage.py migrate): {names}."
    return ""

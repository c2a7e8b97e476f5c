"""What a job about a configuration is asked with, and the key of the same question."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from runs_app.forecasting.config.document import to_tree
from runs_app.forecasting.config.schema import RunConfig
from runs_app.models import DataSet


def job_arguments(config: RunConfig) -> dict[str, Any]:
    """``config`` as a tree, and ``key``: another one as soon as a value or the file changes."""
    tree = to_tree(config)
    file = (
        DataSet.objects.filter(path=config.data.source)
        .values_list("size_bytes", "modified_ns")
        .first()
    )
    known = json.dumps([tree, file], sort_keys=True).encode()
    return {"config": tree, "key": hashlib.sha256(known).hexdigest()}

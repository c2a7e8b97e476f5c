"""A draft as text: the file of ``launch_runs`` and the HTTP call that start exactly the same."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from runs_app.forecasting.config.document import dump_yaml
from runs_app.forecasting.config.request import brief_from_config
from runs_app.forecasting.config.schema import RunConfig
from runs_app.services.groups import Size

FILE = "run.yaml"


@dataclass(frozen=True)
class Commands:
    """Texts to copy; only what differs from the preset is in them."""

    yaml: str
    """The file ``FILE``."""
    body: str
    """The JSON body of the call."""
    launch: str
    curl: str


def commands(config: RunConfig, size: Size, *, name: str, address: str) -> Commands:
    """``address`` is that of the product, with a slash at its end."""
    wanted: dict[str, Any] = {"name": name} if name else {}
    if size.is_group:
        wanted |= {"folds": size.folds, "seeds": size.seeds}
        if size.folds > 1:
            wanted["scheme"] = str(size.scheme)
    wanted["config"] = brief_from_config(config)
    route = "groups" if size.is_group else "runs"
    body = json.dumps(wanted, indent=2, ensure_ascii=False)
    return Commands(
        yaml=dump_yaml([wanted]),
        body=body,
        launch=f"python manage.py launch_runs {FILE}",
        curl=f"curl -X POST {address}{route} -H 'Content-Type: application/json' \\\n"
        f"     -d {shlex.quote(body)}",
    )

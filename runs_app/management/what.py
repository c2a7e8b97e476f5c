"""What a command is to look at: a run, a configuration file, or a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from runs_app.forecasting.config.document import MAX_BYTES, parse_yaml
from runs_app.models import TrainingRun

YAML = (".yaml", ".yml", ".json")
HELP = "the id of a run, a configuration file (.yaml, .json), or a data set"


def payload_of(what: str, *, unreadable: int) -> dict[str, Any]:
    """The request that ``what`` stands for.

    Raises ``ConfigInvalid``, or ``CommandError`` with the exit status ``unreadable``.
    """
    path = Path(what)
    if path.suffix in YAML and path.is_file():
        tree = parse_yaml(text_of(path, unreadable=unreadable))
        if not isinstance(tree, dict):
            raise CommandError(f"{what} must hold keys and values.", returncode=unreadable)
        return tree
    run = TrainingRun.objects.filter(uid=what).first()
    if run is not None:
        config: dict[str, Any] = run.config
        return dict(config)
    return {"data_source": what}


def text_of(path: Path, *, unreadable: int) -> str:
    """The text of a file, one byte beyond the limit at most; raises ``CommandError``."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}.", returncode=unreadable) from error

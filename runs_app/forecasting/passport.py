"""The passport of a run: all that is needed to say what it was, and to do it again.

One JSON document with a digest over its own content. The digest proves that the document is whole
and as it was written; it does not say who wrote it, since anybody can compute it. What proves the
numbers is doing the run again. No torch, no Django.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from runs_app.forecasting.environment import Environment
from runs_app.forecasting.errors import ForecastingError
from runs_app.forecasting.evaluation.documents import LeakCheck, Record, Verdict

PASSPORT_FILE = "passport.json"
MAX_BYTES = 8 * 1024 * 1024

SCORES = ("val_", "test_")
"""Beginnings of the names of scores."""
FIGURES = ("epoch", "step", "train_loss", "learning_rate", "grad_norm", "parameters")
"""Other figures of a fit that the same fit has again; its speed is none of them."""

Number = float | int | str | None
"""A number; ``NaN``, ``Infinity`` or ``-Infinity`` as the word; or a word such as an outcome."""


class PassportInvalid(ForecastingError):
    """The file is no passport that can be relied on; ``str(error)`` is the sentence."""


class Attempt(Record):
    """One try of a worker, as the run's status events tell it."""

    number: int
    started_at: datetime
    ended_at: datetime
    status: str
    """What it came to: a final state, or ``pending`` where it was interrupted and queued again."""
    reason: str
    message: str


class Parent(Record):
    """The run that this one took something of."""

    run: str
    kinship: str
    checkpoint: str


class FileFact(Record):
    """A file the run left."""

    path: str
    size_bytes: int
    sha256: str


class Passport(Record):
    """Version 1. Where a run has not ended, it says how far it has come."""

    schema_version: Literal[1] = 1
    run: str
    """Public id."""
    name: str
    created_at: datetime
    started_at: datetime | None
    """Of the last attempt."""
    finished_at: datetime | None
    status: str
    reason: str
    message: str
    attempts: tuple[Attempt, ...]
    parent: Parent | None
    group: str
    """Public id of its group; empty for a single run."""
    config: dict[str, Any]
    """The resolved configuration, complete."""
    seeds: dict[str, int]
    """By path in the configuration: all that chance in the run hangs on."""
    environments: tuple[Environment, ...]
    """Data, rows, code, packages and device of each attempt that began training."""
    numbers: dict[str, Number]
    """Final figures by name, see ``numbers_of``."""
    best: dict[str, Number]
    """The epoch with the lowest validation loss, with its scores."""
    verdict: Verdict | None
    leaks: LeakCheck | None
    files: tuple[FileFact, ...]
    sha256: str = ""
    """Of all the rest, as ``content_sha256`` has it."""

    @property
    def environment(self) -> Environment | None:
        """That of the last attempt; None where none began training."""
        return self.environments[-1] if self.environments else None


def numbers_of(figures: Mapping[str, Any], verdict: Verdict | None) -> dict[str, Number]:
    """The figures that the same run must have again, flat, by dotted name.

    ``figures``: the latest value of every metric by name, with ``baselines`` by name and score.
    What a head does not have is left out.
    """
    found: dict[str, Number] = {
        name: value
        for name, value in figures.items()
        if name in FIGURES or (name.startswith(SCORES) and not isinstance(value, dict))
    }
    for baseline, scores in (figures.get("baselines") or {}).items():
        found |= {f"baseline.{baseline}.{score}": value for score, value in scores.items()}
    if verdict is not None:
        found["verdict.outcome"] = str(verdict.outcome)
        found["verdict.rows"] = verdict.rows
        for one in json.loads(verdict.model_dump_json())["comparisons"]:
            for name in ("model", "reference", "skill", "p_value"):
                found[f"verdict.{one['baseline']}.{one['score']}.{name}"] = one[name]
    return {name: value for name, value in sorted(found.items()) if value is not None}


def sealed(passport: Passport) -> Passport:
    """The same with its digest."""
    tree = json.loads(passport.model_dump_json())
    return passport.model_copy(update={"sha256": content_sha256(tree)})


def to_json(passport: Passport) -> str:
    """The document as it is written, sealed."""
    return sealed(passport).model_dump_json(indent=2) + "\n"


def content_sha256(tree: Mapping[str, Any]) -> str:
    """SHA-256 of the document without ``sha256``: keys sorted, no spaces, ASCII, shortest floats.

    So it does not hang on how the file is laid out.
    """
    content = {key: value for key, value in tree.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_passport(path: Path) -> Passport:
    """The passport in a JSON file, or in the zip of a whole run. Raises ``PassportInvalid``."""
    return parse_passport(_text(path), path.name)


def parse_passport(text: str, name: str) -> Passport:
    """The passport in the text of a file of this name. Raises ``PassportInvalid``."""
    try:
        tree = json.loads(text)
        if not isinstance(tree, dict) or "schema_version" not in tree:
            raise PassportInvalid(f"{name} is no passport; give a run's {PASSPORT_FILE}")
        if tree["schema_version"] != 1:
            raise PassportInvalid(
                f"{name} has schema version {tree['schema_version']!r}, and this product "
                "reads version 1; read it with the product that wrote it"
            )
        if content_sha256(tree) != tree.get("sha256"):
            raise PassportInvalid(
                f"{name} was changed after it was written (its SHA-256 is another), so "
                "nothing it says can be relied on; fetch it again"
            )
        return Passport.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise PassportInvalid(f"{name} is no passport: {where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise PassportInvalid(f"{name} is not valid JSON: {error}") from error


def _text(path: Path) -> str:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, archive.open(member(archive, path)) as stream:
                content = stream.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise PassportInvalid(f"{path.name} is larger than a passport can be")
        return content.decode()
    except UnicodeDecodeError as error:
        raise PassportInvalid(f"{path.name} is not UTF-8 text, so it is no passport") from error
    except OSError as error:
        raise PassportInvalid(f"{path.name} cannot be read: {error.strerror}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise PassportInvalid(f"{path.name} is a damaged zip: {error}") from error


def member(archive: zipfile.ZipFile, path: Path, name: str = PASSPORT_FILE) -> zipfile.ZipInfo:
    """The one file of this name in the archive of a run. Raises ``PassportInvalid``."""
    found = [one for one in archive.infolist() if one.filename.rpartition("/")[2] == name]
    if len(found) != 1:
        raise PassportInvalid(f"{path.name} holds {len(found)} files {name}; it must hold one")
    return found[0]

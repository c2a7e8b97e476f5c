"""What POST /runs and POST /groups take, for the OpenAPI document; from the schema of a run."""

from __future__ import annotations

from typing import Any

from ninja import Schema
from pydantic import BaseModel, Field

from runs_app.forecasting.config.request import FlatConfig
from runs_app.forecasting.data.walk_forward import MAX_FOLDS, MAX_SEEDS, Scheme

EXAMPLE = {
    "config": {
        "data_source": "./data/BTCUSDT_1m.csv",
        "timeframes": ["1m", "15m", "1h"],
        "variant": "base",
        "max_epochs": 100,
        "batch_size": 32,
        "learning_rate": 0.0002,
    }
}


class CreateRunRequest(Schema):
    """A run to create.

    Beside the flat keys below, `config` may be a whole configuration, as a run's `config.yaml` or
    `GET /runs/{uid}` shows it.
    """

    config: FlatConfig
    name: str = Field("", max_length=200, description="What the run is called in lists.")


class CreateGroupRequest(CreateRunRequest):
    """Runs to create together, from one `config` as POST /runs takes it.

    `folds` runs train anew on a time that moves on and are tested on the stretch that follows it;
    each is repeated with `seeds` seeds. At least one of the two is 2 or more.
    """

    folds: int = Field(1, ge=1, le=MAX_FOLDS, description="Walk-forward folds; 1: none.")
    seeds: int = Field(1, ge=1, le=MAX_SEEDS, description="Seeds: config's own and the next ones.")
    scheme: Scheme = Field(
        Scheme.EXPANDING,
        description="expanding: a fold learns from everything before its test; rolling: from as "
        "long a time as the first fold.",
    )


def request_document() -> dict[str, Any]:
    """The ``requestBody`` of POST /runs."""
    return _document(CreateRunRequest, EXAMPLE)


def group_document() -> dict[str, Any]:
    """The ``requestBody`` of POST /groups."""
    return _document(CreateGroupRequest, EXAMPLE | {"folds": 5, "seeds": 3})


def clone_document() -> dict[str, Any]:
    """The ``requestBody`` of POST /runs/{uid}/clone."""
    return _changes({"train.batch_size": 16, "train.accumulation": 2, "name": "half the batch"})


def branch_document() -> dict[str, Any]:
    """The ``requestBody`` of POST /runs/{uid}/branch."""
    checkpoint = {
        "type": "string",
        "description": "Name of the checkpoint, or best, or last. Without it the best, else last.",
    }
    example = {"checkpoint": "checkpoint-epoch3.ckpt", "learning_rate": 0.00005}
    return _changes(example, checkpoint=checkpoint)


def _changes(example: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """A body whose keys are the fields to change: flat keys, or schema paths, or parts."""
    document = _document(FlatConfig, example)
    body = document["requestBody"]
    body["required"] = False
    schema = body["content"]["application/json"]["schema"]
    schema |= {
        "description": "What differs from the run: flat keys as below, paths of its configuration "
        "(`train.batch_size`) or whole parts (`train: {...}`). Everything else stays.",
        "required": [],
        "additionalProperties": True,
    }
    name = {"type": "string", "maxLength": 200, "description": "What the new run is called."}
    schema["properties"] = {"name": name, **more} | {
        key: {k: v for k, v in field.items() if k != "default"}
        for key, field in schema["properties"].items()
    }
    return document


def _document(request: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    schema = request.model_json_schema()
    definitions = schema.pop("$defs", {})
    content = {"schema": _inlined(schema, definitions), "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """The schema with each definition in its place: an operation cannot hold definitions."""
    if isinstance(part, list):
        return [_inlined(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        definition = definitions[part["$ref"].rpartition("/")[2]]
        beside = {key: value for key, value in part.items() if key != "$ref"}
        return _inlined({**definition, **beside}, definitions)
    return {key: _inlined(value, definitions) for key, value in part.items()}

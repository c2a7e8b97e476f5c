"""What POST /runs takes, for the OpenAPI document; made from the schema of a run."""

from __future__ import annotations

from typing import Any

from ninja import Schema
from pydantic import Field

from runs_app.forecasting.config.request import FlatConfig

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


def request_document() -> dict[str, Any]:
    """The ``requestBody`` of POST /runs."""
    schema = CreateRunRequest.model_json_schema()
    definitions = schema.pop("$defs")
    content = {"schema": _inlined(schema, definitions), "example": EXAMPLE}
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

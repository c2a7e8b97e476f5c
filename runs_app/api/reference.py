"""The API's description as a page of ours: the OpenAPI document, written out for people."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

PREFIX = "#/components/schemas/"
BOUNDS = {
    "minimum": "at least {}", "maximum": "at most {}", "minLength": "at least {} characters",
    "maxLength": "at most {} characters", "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
}  # fmt: skip
COLOURS = {"GET": "blue", "HEAD": "blue", "POST": "green", "PATCH": "cyan", "DELETE": "red"}
SIMPLE = ("string", "integer", "number", "boolean", "object")
ORDER = ("runs", "data sets", "groups", "queue", "predictions")
"""Subjects that come first; the others follow in the order of the document."""


@dataclass(frozen=True)
class Field:
    """A parameter, or a key of a JSON object. ``shapes`` are the names of what it holds."""

    name: str
    where: str
    kind: str
    shapes: tuple[str, ...]
    required: bool
    default: str
    help: str


@dataclass(frozen=True)
class Answer:
    """What comes back: the status, and the shape of the body where it has one."""

    status: str
    words: str
    kind: str
    shapes: tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    anchor: str
    method: str
    colour: str
    path: str
    summary: str
    help: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    body_kind: str
    body_shapes: tuple[str, ...]
    answers: tuple[Answer, ...]
    curl: str
    """The command up to the address."""


@dataclass(frozen=True)
class Shape:
    """A JSON object that several answers hold."""

    name: str
    help: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Reference:
    """``api/reference.html``: operations by subject, and the shapes that they name."""

    help: str
    subjects: dict[str, list[Operation]]
    shapes: list[Shape]


class ReferencePage(DocsBase):
    """Takes the place of Swagger UI, which needs JavaScript and fails WCAG."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **_: Any) -> HttpResponse:
        """The page, the same for everybody."""
        context = {"page": reference(api), "host": request.build_absolute_uri("/").rstrip("/")}
        return render(request, "api/reference.html", context)


@cache
def reference(api: NinjaAPI) -> Reference:
    """The document of an API, which does not change while the process lives."""
    document = api.get_openapi_schema()
    subjects: dict[str, list[Operation]] = {name: [] for name in ORDER}
    for path, methods in document["paths"].items():
        for method, facts in methods.items():
            subject = facts.get("tags", ["other"])[0]
            subjects.setdefault(subject, []).append(_operation(method.upper(), path, facts))
    for operations in subjects.values():
        operations.sort(key=lambda one: (one.path, list(COLOURS).index(one.method)))
    shapes = [
        Shape(name, schema.get("description", ""), _fields(schema))
        for name, schema in sorted(document["components"]["schemas"].items())
    ]
    return Reference(document["info"].get("description", ""), subjects, shapes)


def _operation(method: str, path: str, facts: dict[str, Any]) -> Operation:
    contents: dict[str, dict[str, Any]] = facts.get("requestBody", {}).get("content", {})
    body_type = next(iter(contents), "")
    schema: dict[str, Any] = contents[body_type].get("schema", {}) if body_type else {}
    answers = tuple(
        _answer(str(status), answer) for status, answer in facts.get("responses", {}).items()
    )
    return Operation(
        anchor=facts["operationId"],
        method=method,
        colour=COLOURS[method],
        path=path,
        summary=facts.get("summary", ""),
        help=facts.get("description", ""),
        parameters=tuple(_parameter(one) for one in facts.get("parameters", [])),
        body=_fields(schema),
        body_kind=kind_of(schema) if body_type else "",
        body_shapes=shapes_of(schema),
        answers=answers,
        curl=_curl(method, body_type, schema),
    )


def _answer(status: str, facts: dict[str, Any]) -> Answer:
    contents: list[dict[str, Any]] = list(facts.get("content", {}).values())
    schema: dict[str, Any] = contents[0].get("schema", {}) if contents else {}
    words = HTTPStatus(int(status)).phrase if status.isdecimal() else facts.get("description", "")
    return Answer(status, words, kind_of(schema) if schema else "no body", shapes_of(schema))


def _parameter(facts: dict[str, Any]) -> Field:
    return _field(facts["name"], facts["in"], facts["schema"], required=facts["required"])


def _fields(schema: dict[str, Any]) -> tuple[Field, ...]:
    needed = schema.get("required", [])
    return tuple(
        _field(name, "", one, required=name in needed)
        for name, one in schema.get("properties", {}).items()
    )


def _field(name: str, where: str, schema: dict[str, Any], *, required: bool) -> Field:
    default = schema.get("default")
    return Field(
        name=name,
        where=where,
        kind=kind_of(schema),
        shapes=shapes_of(schema),
        required=required,
        default="" if default in (None, "") else json.dumps(default),
        help=schema.get("description", ""),
    )


def kind_of(schema: dict[str, Any]) -> str:
    """What a value may be, in words: ``list of string; at most 500 of them``."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(PREFIX)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(kind_of(one) for one in schema[key]))
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "any value")
    if kind == "array":
        inner = kind_of(schema.get("items", {}))
        kind = f"list of {inner}{'s' if inner in SIMPLE else ''}"
    bounds = [words.format(schema[key]) for key, words in BOUNDS.items() if key in schema]
    return "; ".join([str(kind), *bounds])


def shapes_of(schema: dict[str, Any]) -> tuple[str, ...]:
    """Names of the shapes that a value holds."""
    if "$ref" in schema:
        return (str(schema["$ref"]).removeprefix(PREFIX),)
    inner = [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]
    if isinstance(schema.get("items"), dict):
        inner.append(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        inner.append(schema["additionalProperties"])
    return tuple(dict.fromkeys(name for one in inner for name in shapes_of(one)))


def _curl(method: str, body_type: str, schema: dict[str, Any]) -> str:
    words = ["curl"] if method == "GET" else ["curl", "-I" if method == "HEAD" else f"-X {method}"]
    needed = {name: _example(schema["properties"][name]) for name in schema.get("required", [])}
    if body_type == "application/json":
        words += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(needed))}"]
    elif body_type:
        words += [f"-F {name}=@candles.csv" for name in needed]
    return " ".join(words)


def _example(schema: dict[str, Any]) -> Any:
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    examples: dict[str, Any] = {"array": [], "object": {}, "integer": 1, "number": 1.0}
    return examples.get(schema.get("type", ""), schema.get("title", "…"))

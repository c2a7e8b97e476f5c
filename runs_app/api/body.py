"""Read a JSON body within limits; what is wrong with it is told in a sentence."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from runs_app.api.problems import BadRequest
from runs_app.forecasting.config.document import MAX_BYTES
from runs_app.forecasting.config.paths import closest
from runs_app.forecasting.errors import FieldError


def _refuse(message: str, *, status: int = 422) -> BadRequest:
    return BadRequest([FieldError("body", message)], status=status)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def read_json(request: HttpRequest) -> Any:
    """The value of the request's JSON body. Raises ``BadRequest``."""
    kind = request.content_type or ""
    if kind != "application/json" and not kind.endswith("+json"):
        raise _refuse("must be JSON; send the header Content-Type: application/json", status=415)
    too_large = f"must not be larger than {MAX_BYTES // 1024} KiB"
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise _refuse(too_large, status=413) from error
    if len(body) > MAX_BYTES:
        raise _refuse(too_large, status=413)
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _refuse(f"is not valid JSON: {error.msg} ({where})") from error
    except RecursionError as error:
        raise _refuse("is nested too deeply") from error
    except ValueError as error:  # not UTF-8, NaN, a number of thousands of digits
        raise _refuse(f"is not valid JSON: {error}") from error


def read_changes(request: HttpRequest) -> dict[str, Any]:
    """What a request to copy a run changes; nothing where it has no body. Raises ``BadRequest``."""
    with suppress(RequestDataTooBig):  # which the next reading tells
        if not request.body:
            return {}
    body = read_json(request)
    if not isinstance(body, dict):
        raise _refuse('must be an object such as {"batch_size": 16}')
    return body


def split_run_request(body: Any) -> tuple[Any, Any]:
    """The ``config`` and the ``name`` of a request to create a run. Raises ``BadRequest``."""
    given = take_keys(body, ("config", "name"))
    return given["config"], given.get("name") or ""


def take_keys(body: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """A request's body, which may hold these keys and must hold ``config``; or ``BadRequest``."""
    if not isinstance(body, dict):
        raise _refuse('must be an object such as {"config": {"data_source": "..."}}')
    errors = []
    for key in body.keys() - set(keys):
        nearest = closest(key, keys)
        hint = f"did you mean {nearest}?" if nearest else "put the run's settings inside config"
        errors.append(FieldError(key, f"is not a known key; {hint}"))
    if "config" not in body:
        errors.append(FieldError("config", "is required"))
    if errors:
        raise BadRequest(sorted(errors, key=lambda error: error.path))
    return body

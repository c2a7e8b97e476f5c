"""Launch a run: from a request to a stored, pending run."""

from __future__ import annotations

from typing import Any

from runs_app.errors import DataSourceNotFound
from runs_app.execution.lifecycle import create_run
from runs_app.forecasting.config.document import check_tree
from runs_app.forecasting.config.paths import get_path, set_path
from runs_app.forecasting.config.request import RunRequest, as_sent, parse_request
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.inspect import CandleFacts, check_against, inspect_candles
from runs_app.forecasting.errors import ConfigInvalid, DataInvalid, FieldError
from runs_app.models import TrainingRun
from runs_app.services.datasets import data_root, facts_of, refresh_one, resolve_source

SOURCE = "data.source"
MAX_NAME = 200


def launch_run(payload: dict[str, Any], *, name: str = "") -> TrainingRun:
    """Check a request and store it as a pending run; a worker is woken once it is committed.

    ``payload`` is the flat payload of the API, or a nested resolved configuration. Raises
    ``ConfigInvalid``: paths are flat keys, ``overrides``, ``name``, or dotted schema paths.
    """
    label = clean_name(name)
    config, request = resolve(payload)
    return create_run(config, as_sent(payload, request, config), label)


def resolve(payload: Any) -> tuple[RunConfig, RunRequest]:
    """The complete, checked configuration of a request, its data source found and looked into.

    Stores nothing but what was found in the data set. Raises ``ConfigInvalid``.
    """
    request = parse_request(payload)
    faults = _find_source(request)
    try:
        config = request.compose()
    except ConfigInvalid as invalid:
        others = [error for error in invalid.errors if error.path not in {f.path for f in faults}]
        raise ConfigInvalid([*faults, *others]) from invalid
    faults = faults or [request.own_name(error) for error in _faults_of_data(config)]
    if faults:
        raise ConfigInvalid(faults)
    return config, request


def _find_source(request: RunRequest) -> list[FieldError]:
    """Put the path relative to DATA_ROOT in place of what the request calls its data."""
    try:
        source = get_path(request.values, SOURCE)
    except KeyError:
        return []
    if not isinstance(source, str) or not source:
        return []  # the schema says what is wrong with it
    try:
        set_path(request.values, SOURCE, resolve_source(source))
    except DataSourceNotFound as error:
        return [request.own_name(FieldError(SOURCE, str(error)))]
    return []


def _faults_of_data(config: RunConfig) -> list[FieldError]:
    """What in the configuration does not fit the candles: dates, bars, length."""
    try:
        return check_against(config, candle_facts(config))
    except ConfigInvalid as invalid:
        return list(invalid.errors)


def candle_facts(config: RunConfig) -> CandleFacts:
    """What the configuration's candle file holds. Raises ``ConfigInvalid`` at ``data.source``."""
    try:
        data_set = refresh_one(config.data.source)
    except DataSourceNotFound as error:
        raise ConfigInvalid([FieldError(SOURCE, str(error))]) from error
    facts = facts_of(data_set)
    if facts is None and config.data.repair:
        try:
            facts = inspect_candles(data_root() / data_set.path, repair=True)
        except (DataInvalid, OSError) as error:
            sentence = f"cannot be used, even repaired: {error}"
            raise ConfigInvalid([FieldError(SOURCE, sentence)]) from error
    if facts is None:
        sentence = f"cannot be used as it is: {data_set.problem}"
        raise ConfigInvalid([FieldError(SOURCE, sentence)])
    return facts


def clean_name(name: Any) -> str:
    """A run's name as it is stored; raises ``ConfigInvalid``."""
    if not isinstance(name, str):
        raise ConfigInvalid([FieldError("name", "must be text")])
    try:
        check_tree(name)
    except ConfigInvalid as invalid:
        raise ConfigInvalid([FieldError("name", invalid.errors[0].message)]) from invalid
    label = " ".join(name.split())
    if len(label) > MAX_NAME:
        raise ConfigInvalid([FieldError("name", f"must have at most {MAX_NAME} characters")])
    return label

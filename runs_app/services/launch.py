"""Launch a run: from a request to a stored, pending run."""

from __future__ import annotations

from typing import Any

from runs_app.disk import read_disk
from runs_app.errors import DataSourceNotFound, DiskFull
from runs_app.execution.core_process import CoreFailed
from runs_app.execution.data_files import data_root
from runs_app.execution.intake import examine_file
from runs_app.execution.lifecycle import Kin, create_run
from runs_app.forecasting.config.document import check_tree
from runs_app.forecasting.config.paths import get_path, set_path
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder
from runs_app.forecasting.config.request import RunRequest, as_sent, parse_request
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.inspect import CandleFacts, check_against
from runs_app.forecasting.data.report import DataReport
from runs_app.forecasting.errors import ConfigInvalid, FieldError
from runs_app.models import DataSet, TrainingRun
from runs_app.services.datasets import (
    refresh_one,
    report_facts,
    report_of,
    resolve_source,
)

SOURCE = "data.source"
MAX_NAME = 200


def launch_run(payload: dict[str, Any], *, name: str = "", kin: Kin | None = None) -> TrainingRun:
    """Check a request and store it as a pending run; a worker is woken once it is committed.

    ``payload`` is the flat payload of the API, or a nested resolved configuration; ``kin`` is the
    run whose form was filled in. Raises ``ConfigInvalid``: paths are flat keys, ``overrides``,
    ``name``, or dotted schema paths; and ``DiskFull``.
    """
    refuse_full()
    label = clean_name(name)
    config, request = resolve(payload)
    return create_run(config, as_sent(payload, request, config), label, kin=kin)


def refuse_full() -> None:
    """Raise ``DiskFull`` where so little of the disk is free that nothing new may begin."""
    if refusal := read_disk().refusal:
        raise DiskFull(refusal)


def resolve(payload: Any) -> tuple[RunConfig, RunRequest]:
    """The complete, checked configuration of a request, its data source found and looked into.

    Stores nothing but what was found in the data set. Raises ``ConfigInvalid``.
    """
    request = parse_request(payload)
    return check(request), request


def check(request: RunRequest) -> RunConfig:
    """The same for a request that was taken apart already."""
    faults = _find_source(request)
    try:
        config = request.compose()
    except ConfigInvalid as invalid:
        others = [error for error in invalid.errors if error.path not in {f.path for f in faults}]
        raise ConfigInvalid([*faults, *others]) from invalid
    if faults:
        raise ConfigInvalid(faults)
    config, data_faults = _fitted_to_data(config)
    if data_faults:
        raise ConfigInvalid([request.own_name(error) for error in data_faults])
    return config


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


def _fitted_to_data(config: RunConfig) -> tuple[RunConfig, list[FieldError]]:
    """The configuration with the answers about its file, and what does not fit the candles."""
    try:
        config = _with_answers(config, refresh_one(config.data.source))
        return config, check_against(config, candle_facts(config))
    except DataSourceNotFound as error:
        return config, [FieldError(SOURCE, str(error))]
    except ConfigInvalid as invalid:
        return config, list(invalid.errors)


def _with_answers(config: RunConfig, data_set: DataSet) -> RunConfig:
    """What a person answered about the file holds where the request leaves it open."""
    told: dict[str, Any] = {}
    if config.data.date_order == DateOrder.AUTO:
        told["date_order"] = DateOrder(data_set.date_order)
    if config.data.column_order == ColumnOrder.AUTO:
        told["column_order"] = ColumnOrder(data_set.column_order)
    return config.model_copy(update={"data": config.data.model_copy(update=told)})


def candle_facts(config: RunConfig) -> CandleFacts:
    """What the configuration's candle file holds. Raises ``ConfigInvalid`` at ``data.source``."""
    try:
        data_set = refresh_one(config.data.source)
        report = _report(config, data_set)
    except DataSourceNotFound as error:
        raise _refused(str(error)) from error
    except CoreFailed as error:
        raise _refused(f"cannot be read: {error}") from error
    if report is None:
        sentence = data_set.problem or read_disk().refusal
        sentence = sentence or "its file is still being read; try again in a moment"
        raise _refused(f"cannot be used: {sentence}")
    if report.problem and not config.data.repair:
        raise _refused(f"cannot be used as it is: {report.problem}")
    facts = report_facts(report)
    if report.repaired_problem or facts is None:
        sentence = report.repaired_problem or report.problem
        raise _refused(f"cannot be used, even repaired: {sentence}")
    return facts


def _refused(sentence: str) -> ConfigInvalid:
    return ConfigInvalid([FieldError(SOURCE, sentence)])


def _report(config: RunConfig, data_set: DataSet) -> DataReport | None:
    """The report of the file as this configuration reads it."""
    asked = config.data.reading
    if (asked.date_order, asked.column_order) == (data_set.date_order, data_set.column_order):
        return report_of(data_set)
    return examine_file(data_root() / data_set.path, asked)


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

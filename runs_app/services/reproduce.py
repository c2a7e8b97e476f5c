"""Do a run again from its passport, and say which numbers agree.

It needs neither a database nor a running product: the core trains in the foreground, in a directory
of its own, from candles that have the passport's fingerprint.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from runs_app.choices import RunStatus
from runs_app.errors import RunError
from runs_app.execution import run_directory
from runs_app.execution.core_process import CoreFailed
from runs_app.execution.intake import import_now
from runs_app.execution.trainer_process import PROJECT_ROOT, child_environment
from runs_app.execution.translation import translate
from runs_app.forecasting.agreement import RELATIVE_TOLERANCE, Agreement, Line, compare, differences
from runs_app.forecasting.config.document import to_yaml, validate
from runs_app.forecasting.config.reading import ColumnOrder, DateOrder
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.imports import (
    CANDLES_FILE,
    RECORD_FILE,
    ImportRecord,
    file_sha256,
)
from runs_app.forecasting.environment import Environment, read_environments
from runs_app.forecasting.errors import ConfigInvalid, ForecastingError
from runs_app.forecasting.evaluation.context import RunContext, write_context
from runs_app.forecasting.evaluation.documents import Verdict
from runs_app.forecasting.events import (
    CONFIG_FILE,
    CONSOLE_FILE,
    EVENTS_FILE,
    INIT_FILE,
    FitFailed,
    FitFinished,
    from_line,
)
from runs_app.forecasting.passport import Number, Passport, member, numbers_of, read_passport

COPY_BYTES = 1024 * 1024


class CannotCompare(RunError):
    """The run cannot be done again here; the sentence says why and what to do."""


@dataclass(frozen=True)
class Reproduction:
    """What came of it."""

    passport: Passport
    lines: tuple[Line, ...]
    differences: tuple[str, ...]
    """Of the surroundings; empty where every bit must be found again."""
    tolerance: float
    directory: Path

    @property
    def agrees(self) -> bool:
        """True where every number does."""
        return all(line.agrees is not Agreement.NO for line in self.lines)


@dataclass(frozen=True)
class _Candles:
    """Where the trainer finds them: a folder, the file in it, and whether it is the original."""

    folder: Path
    name: str
    original: bool = True


def reproduce(
    path: Path,
    directory: Path,
    *,
    data: Path | None = None,
    tolerance: float | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Reproduction:
    """Train again what the passport at ``path`` tells of, in the empty ``directory``.

    ``say`` gets the trainer's lines. Without a ``tolerance`` it is zero in the same surroundings
    and ``RELATIVE_TOLERANCE`` in others. Raises ``CannotCompare``.
    """
    try:
        passport = read_passport(path)
    except ForecastingError as error:
        raise CannotCompare(f"{error}.") from error
    then = passport.environment
    if then is None or passport.status != RunStatus.COMPLETED:
        raise CannotCompare(
            f"The run {passport.run} is {passport.status}, so it has no final numbers to compare; "
            "take the passport of a completed run."
        )
    config = _config(passport)
    candles = _find(then, config, data)
    _furnish(directory, path, passport, then, _pointed_at(config, candles))
    say(f"Training again in {directory}, from {candles.folder / candles.name}.")
    _train(directory, candles.folder, then.threads * then.devices, say)
    now = _environment(directory)
    if now.data.candles_sha256 != then.data.candles_sha256:
        raise CannotCompare(_others(candles.name, now.data.candles_sha256, then))
    found = tuple(differences(then, now))
    allowed = tolerance if tolerance is not None else RELATIVE_TOLERANCE if found else 0.0
    lines = compare(passport.numbers, _numbers(directory), allowed)
    return Reproduction(passport, lines, found, allowed, directory)


def _config(passport: Passport) -> RunConfig:
    try:
        return validate(passport.config)
    except ConfigInvalid as error:
        raise CannotCompare(
            f"The passport's configuration is none of this version of the product: {error}"
        ) from error


def _find(then: Environment, config: RunConfig, data: Path | None) -> _Candles:
    """The candles of the passport: the file that was named, the original, or an import of it."""
    wanted = then.data.candles_sha256
    if data is not None:
        _check_named(data, then, config)
        return _Candles(data.resolve().parent, data.name)
    root = Path(settings.DATA_ROOT).resolve()
    original = root / config.data.source
    try:
        if original.is_relative_to(root) and file_sha256(original) == then.data.source_sha256:
            return _Candles(root, config.data.source)
    except OSError:
        pass  # not here any more
    for record in Path(settings.DATASETS_ROOT).glob(f"*/{RECORD_FILE}"):
        if _fingerprint(record) == wanted:
            return _Candles(record.parent, CANDLES_FILE, original=False)
    raise CannotCompare(
        f"The candles with the SHA-256 {wanted} ({config.data.source}) are neither in DATA_ROOT "
        f"({root}) nor among the imports; give the file with --data."
    )


def _check_named(data: Path, then: Environment, config: RunConfig) -> None:
    if not data.is_file():
        raise CannotCompare(f"{data} is no file; give the candle file with --data.")
    try:
        record = import_now(data.resolve(), config.data.reading)
    except CoreFailed as error:
        raise CannotCompare(f"{data.name} cannot be read: {error}") from error
    if record.candles is None:
        raise CannotCompare(f"{data.name} cannot be used: {record.report.problem}.")
    if record.candles.fingerprint != then.data.candles_sha256:
        raise CannotCompare(_others(data.name, record.candles.fingerprint, then))


def _others(name: str, found: str, then: Environment) -> str:
    return (
        f"The candles of {name} are others than the run's: their SHA-256 is {found}, the "
        f"passport's {then.data.candles_sha256}. Numbers of other data cannot be compared."
    )


def _fingerprint(record: Path) -> str:
    try:
        found = ImportRecord.model_validate_json(record.read_bytes()).candles
    except (OSError, ValidationError):
        return ""
    usable = found is not None and (record.parent / CANDLES_FILE).is_file()
    return found.fingerprint if found is not None and usable else ""


def _pointed_at(config: RunConfig, candles: _Candles) -> RunConfig:
    """The same configuration on the candles that were found."""
    changed: dict[str, Any] = {"source": candles.name}
    if not candles.original:  # canonical candles leave no question open
        changed |= {"date_order": DateOrder.AUTO, "column_order": ColumnOrder.AUTO}
    return config.model_copy(update={"data": config.data.model_copy(update=changed)})


def _furnish(
    directory: Path, path: Path, passport: Passport, then: Environment, config: RunConfig
) -> None:
    """What a worker would have laid there. Raises ``CannotCompare``."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise CannotCompare(f"{directory} is not empty; name a new folder with --into.")
        (directory / CONFIG_FILE).write_text(to_yaml(config), encoding="utf-8")
        write_context(directory, RunContext(tries=then.tries))
        if then.init_sha256:
            _fetch_weights(directory / INIT_FILE, path, passport, then.init_sha256)
    except OSError as error:
        raise CannotCompare(f"{directory} cannot be written: {error.strerror}.") from error


def _fetch_weights(target: Path, path: Path, passport: Passport, sha256: str) -> None:
    """The weights that a branch started from, of the zip or of the run itself."""
    kept = run_directory.path_of(passport.run) / INIT_FILE
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith(f"/{INIT_FILE}") for name in archive.namelist()):
                entry = member(archive, path, INIT_FILE)
                with archive.open(entry) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, COPY_BYTES)
    if not target.exists() and kept.is_file() and not kept.is_symlink():
        shutil.copyfile(kept, target)
    if not target.exists() or file_sha256(target) != sha256:
        raise CannotCompare(
            f"The run started from another run's weights ({INIT_FILE}, SHA-256 {sha256}), and they "
            "are not here; take the zip of the run with its checkpoints."
        )


def _train(directory: Path, data_root: Path, threads: int, say: Callable[[str], object]) -> None:
    """Run the core until it ends, its processes on ``threads`` in all.

    Raises ``CannotCompare`` where it does not complete.
    """
    command = (
        sys.executable, "-m", "runs_app.forecasting", str(directory.resolve()),
        "--data-root", str(data_root), "--no-progress",
    )  # fmt: skip
    environ = child_environment(threads) | {"OMP_NUM_THREADS": str(threads)}
    with (directory / CONSOLE_FILE).open("w", encoding="utf-8") as console:
        process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, env=environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        try:
            for line in process.stdout or ():
                console.write(line)
                say(line.rstrip("\n"))
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if status != 0:
        raise CannotCompare(
            f"The run did not complete this time: {_last_message(directory)} "
            f"(exit status {status}; {directory / CONSOLE_FILE} has the log)"
        )


def _environment(directory: Path) -> Environment:
    found = read_environments(directory)
    if not found:
        raise CannotCompare(f"{directory} has no record of what the run worked with.")
    return found[-1]


def _last_message(directory: Path) -> str:
    message = "it wrote no reason."
    for event in _events(directory):
        if isinstance(event, (FitFailed, FitFinished)):
            message = event.message
    return message


def _numbers(directory: Path) -> dict[str, Number]:
    """As the product's row of the run would have them."""
    figures: dict[str, Any] = {}
    verdict: Verdict | None = None
    for event in _events(directory):
        entry = translate(event, 1)
        figures |= entry.figures if entry else {}
        if isinstance(event, FitFinished):
            verdict = event.verdict
    return numbers_of(figures, verdict)


def _events(directory: Path) -> Any:
    try:
        with (directory / EVENTS_FILE).open("rb") as lines:
            for line in lines:
                yield from_line(line)
    except FileNotFoundError:
        return

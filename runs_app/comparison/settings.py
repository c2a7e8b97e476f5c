"""The settings of the runs of a comparison, row by row: which differ, and from what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runs_app.comparison.facts import Facts
from runs_app.forecasting.config.paths import FIELDS, get_path
from runs_app.forecasting.environment import Environment
from runs_app.series import finite

SECTIONS: dict[str, str] = {
    "data": "Data", "features": "Features", "horizons": "Horizons", "model": "Model",
    "loss": "Loss", "train": "Training", "costs": "Costs",
}  # fmt: skip
RUN_SECTION = "What the run found and became"
ENVIRONMENT_SECTION = "What it trained with"
ENVIRONMENT = "environment"

ABSENT = "–"


@dataclass(frozen=True)
class SettingCell:
    """A setting of one run."""

    text: str
    """``–`` where the run has none."""
    plain: str
    """For a file: without thousands set apart, empty where the run has none."""
    known: bool
    odd: bool
    """True where it differs from the baseline column, or from what most runs have."""


@dataclass(frozen=True)
class SettingRow:
    """One setting over all runs."""

    path: str
    """Dotted path of the configuration, or a word of the run itself."""
    label: str
    help: str
    differs: bool
    cells: tuple[SettingCell, ...]
    numbers: tuple[float | None, ...]
    """The values as numbers, where they are; for the axes of plots."""


@dataclass(frozen=True)
class SettingGroup:
    """Rows of one section."""

    title: str
    rows: tuple[SettingRow, ...]


def setting_groups(facts: Sequence[Facts], *, base: int | None, every: bool) -> list[SettingGroup]:
    """The rows that differ, or every one; ``base`` is the place of the baseline column."""
    rows = [_row(path, label, help_, values, base) for path, label, help_, values in _found(facts)]
    shown = [row for row in rows if row.differs or every]
    groups = [
        SettingGroup(title, tuple(row for row in shown if row.path.partition(".")[0] == section))
        for section, title in SECTIONS.items()
    ]
    known = {*SECTIONS, ENVIRONMENT}
    own = tuple(row for row in shown if row.path.partition(".")[0] not in known)
    around = tuple(row for row in shown if row.path.partition(".")[0] == ENVIRONMENT)
    groups += [SettingGroup(RUN_SECTION, own), SettingGroup(ENVIRONMENT_SECTION, around)]
    return [group for group in groups if group.rows]


def _found(facts: Sequence[Facts]) -> Iterator[tuple[str, str, str, list[Any]]]:
    """Path, label, help and values of every setting that a run has."""
    trees = [_flat(one.run.config) for one in facts]
    paths = [*FIELDS, *sorted({path for tree in trees for path in tree} - FIELDS.keys())]
    for path in paths:
        info = FIELDS.get(path)
        label = (info.title if info else None) or path
        help_ = (info.description if info else None) or ""
        values = [tree.get(path, _MISSING) for tree in trees]
        if any(value is not _MISSING for value in values):
            yield path, label, help_, values
    for path, label, help_, read in _OF_RUNS:
        yield path, label, help_, [read(one) for one in facts]
    yield from _environments([one.environment for one in facts])


def _environments(
    found: Sequence[Environment | None],
) -> Iterator[tuple[str, str, str, list[Any]]]:
    for name, label, help_, read in _OF_ENVIRONMENTS:
        values = [read(one) if one else _MISSING for one in found]
        yield f"{ENVIRONMENT}.{name}", label, help_, values
    for name in sorted({name for one in found if one for name in one.packages}):
        versions = [one.packages.get(name, "none") if one else _MISSING for one in found]
        yield f"{ENVIRONMENT}.packages.{name}", name, "Installed version.", versions


_MISSING: Any = object()


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _or_missing(value: Any) -> Any:
    return _MISSING if value in (None, "") else value


def _kin(one: Facts) -> Any:
    run = one.run
    if not run.kinship:
        return _MISSING
    parent = str(run.parent) if run.parent else "a run that was deleted"
    at = f", {run.parent_checkpoint}" if run.parent_checkpoint else ""
    return f"{run.get_kinship_display()} of {parent}{at}"


def _resumed(one: Facts) -> Any:
    step = one.latest.get("resumed_from_step")
    return _MISSING if step is None else f"after step {step:,}: {one.latest.get('resume')}"


_OF_RUNS: tuple[tuple[str, str, str, Any], ...] = (
    ("fingerprint", "Data fingerprint",
     "SHA-256 of the candles that the run learnt from, its first twelve letters.",
     lambda one: _or_missing(one.fingerprint[:12])),
    ("candles", "Candles in the file", "", lambda one: _or_missing(one.of_file("data", "candles"))),
    *(
        (f"samples_{part}", f"{part.capitalize()} decisions", "Decisions of this part.",
         lambda one, part=part: _or_missing(one.of_file("samples", part)))
        for part in ("train", "validation", "test")
    ),
    ("parameters", "Parameters", "Of the network.",
     lambda one: _or_missing(one.latest.get("parameters"))),
    ("kinship", "Made from", "The run whose settings or weights it took.", _kin),
    ("resumed", "Resumed", "Whether and how it went on after a stop.", _resumed),
    ("attempts", "Attempts", "How often a worker took it up.", lambda one: one.run.attempt),
)  # fmt: skip


def _commit(one: Environment) -> str:
    return f"{one.code.commit[:12]}{', changed' if one.code.dirty else ''}"


_OF_ENVIRONMENTS: tuple[tuple[str, str, str, Callable[[Environment], Any]], ...] = (
    ("commit", "Commit", "Of the code; changed: files differed from it or were new.", _commit),
    ("core", "Core's source", "SHA-256 of the code that trains, its first twelve letters.",
     lambda one: one.code.core_sha256[:12]),
    ("device", "Device", "Where it trained.", lambda one: one.device),
    ("devices", "Devices", "", lambda one: one.devices),
    ("threads", "Threads", "Of torch, in one process.", lambda one: one.threads),
    ("compiled", "Compiled", "Whether the network was compiled.", lambda one: one.compiled),
    ("processor", "Processor", "", lambda one: one.processor),
    ("platform", "Platform", "", lambda one: one.platform),
    ("python", "Python", "", lambda one: one.python),
    ("torch", "torch", "", lambda one: one.torch),
)  # fmt: skip


_FOUND_OUT = frozenset(
    {"fingerprint", "candles", "samples_train", "samples_validation", "samples_test", "parameters"}
)  # fmt: skip


def _row(path: str, label: str, help_: str, values: list[Any], base: int | None) -> SettingRow:
    keys = [_key(value) for value in values]
    # A run that has not found it out yet is not a run that differs.
    found_out = path in _FOUND_OUT or path.startswith(f"{ENVIRONMENT}.")
    counted = [key for key in keys if not found_out or key != _key(_MISSING)]
    differs = len(set(counted)) > 1
    usual = _key(_MISSING) if not counted else Counter(counted).most_common(1)[0][0]
    if base is not None and keys[base] in counted:
        usual = keys[base]
    return SettingRow(
        path=path,
        label=label,
        help=help_,
        differs=differs,
        cells=tuple(
            SettingCell(
                text=_text(value),
                plain="" if value is _MISSING else _text(value, plain=True),
                known=value is not _MISSING,
                odd=differs and key != usual and key in counted,
            )
            for value, key in zip(values, keys, strict=True)
        ),
        numbers=tuple(finite(value) for value in values),
    )


def _key(value: Any) -> str:
    """Equal for equal values; 1 and 1.0 are one number, true is none."""
    if value is _MISSING:
        return "missing"
    number = finite(value)
    return repr(value) if number is None else repr(number)


def _text(value: Any, *, plain: bool = False) -> str:
    if value is _MISSING:
        return ABSENT
    if value is None or value in ("", []):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 and not plain else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def setting_of(facts: Facts, path: str) -> Any:
    """A value of the configuration; None where it has none."""
    try:
        return get_path(facts.run.config, path)
    except KeyError:
        return None

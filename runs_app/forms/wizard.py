"""One page of the builder as its template draws it: fields, errors, progress and summary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runs_app.forecasting.config.compose import preset_values
from runs_app.forecasting.config.footprint import about_parameters
from runs_app.forecasting.config.schema import Variant
from runs_app.forecasting.errors import FieldError
from runs_app.forms.build import BuilderField, build_field, errors_by_field, form_name
from runs_app.forms.draft import Draft
from runs_app.forms.repetition import size_fields
from runs_app.forms.steps import STEPS, Step, step_of
from runs_app.queries import about

Errors = dict[str, tuple[str, ...]]

PREVIEWS = {
    "features": "features", "horizons": "split", "model": "estimate", "loss": "losses",
}  # fmt: skip
"""Step to the preview that it shows."""


@dataclass(frozen=True)
class Progress:
    """One entry of the progress indicator."""

    step: Step = about("The step it stands for.")
    number: int = about("From 1.")
    current: bool = about("True for the page that is shown.")
    reachable: bool = about("True when the step was visited, so that a click leads there.")
    wrong: bool = about("True when a visited step has a field at fault.")


@dataclass(frozen=True)
class SummaryRow:
    """One field on the last page."""

    label: str = about("Its name.")
    value: str = about("Its value in words.")
    usual: str = about("What the preset has instead; empty where it is the same.")


@dataclass(frozen=True)
class SummaryPart:
    """What one step comes to, on the last page."""

    step: Step = about("The step.")
    rows: list[SummaryRow] = about("Each field of the step.")


@dataclass(frozen=True)
class Preset:
    """One card of the model step."""

    variant: str = about("Name of the preset.")
    width: int = about("Its d_model.")
    bars: range = about("One item per layer, for the drawing.")
    parameters: int = about("Parameters on the draft's timeframes, about.")
    fills: dict[str, Any] = about("Values by form name that choosing it fills in.")


@dataclass(frozen=True)
class BuilderPage:
    """Context of every builder page."""

    draft: Draft = about("What has been filled in.")
    step: Step = about("The step that is shown.")
    number: int = about("Its number, from 1.")
    progress: list[Progress] = about("The six entries of the indicator.")
    fields: dict[str, BuilderField] = about("The page's fields by form name, in order.")
    more: list[BuilderField] = about("Fields behind the disclosure.")
    open_more: bool = about("True when one of those has an error.")
    other_errors: list[tuple[Step | None, str]] = about("Errors of other pages, on the last page.")
    overrides_errors: tuple[str, ...] = about("What is wrong with the additional overrides.")
    name_errors: tuple[str, ...] = about("What is wrong with the run's name.")
    size_fields: list[BuilderField] = about("Folds, seeds and scheme, on the last page.")
    summary: list[SummaryPart] = about("All values, on the last page.")
    presets: list[Preset] = about("The cards, on the model page.")
    previous: Step | None = about("The step before, if any.")
    next: Step | None = about("The step after, if any.")
    saved: bool = about("True when the draft is stored in the session.")
    preview: str = about("Which preview the page has; empty for none.")
    loose_marks: list[str] = about("Why the run that was cloned failed, of fields on no page.")


def group(errors: list[FieldError]) -> Errors:
    """Messages by path, each as a sentence that starts with a capital."""
    found: Errors = {}
    for error in errors:
        message = error.message[:1].upper() + error.message[1:]
        found[error.path] = (*found.get(error.path, ()), message)
    return found


def builder_page(draft: Draft, step: Step, errors: Errors) -> BuilderPage:
    """The page of one step. Errors of a step that was never left are not shown yet."""
    index = STEPS.index(step)
    last = index == len(STEPS) - 1
    marks = {path: (message,) for path, message in draft.still_marked.items()}
    told_of = {path: (*marks.get(path, ()), *errors.get(path, ())) for path in marks | errors}
    shown = told_of if step.key in draft.visited else {}
    own = errors_by_field(shown, step.all_paths)
    fields = [draft.field(path, own.get(path, ())) for path in step.paths]
    more = [draft.field(path, own.get(path, ())) for path in step.more]
    return BuilderPage(
        draft=draft,
        step=step,
        number=index + 1,
        progress=_progress(draft, step, told_of),
        fields={item.name: item for item in fields},
        more=more,
        open_more=any(item.errors for item in more),
        other_errors=_other_errors(step, errors) if last else [],
        overrides_errors=errors.get("overrides", ()) if last else (),
        name_errors=errors.get("name", ()) if last else (),
        size_fields=size_fields(draft.size, errors) if last else [],
        summary=_summary(draft) if last else [],
        presets=presets(draft) if step.key == "model" else [],
        previous=STEPS[index - 1] if index else None,
        next=None if last else STEPS[index + 1],
        saved=bool(draft.values),
        preview=PREVIEWS.get(step.key, ""),
        loose_marks=[
            f"{path}: {message}"
            for path, message in draft.still_marked.items()
            if step_of(path) is None
        ],
    )


def told(faults: Iterable[FieldError]) -> list[tuple[Step | None, str]]:
    """Faults as sentences that begin with the field's label, each with the step that has it."""
    found = []
    for fault in faults:
        step = step_of(fault.path)
        known = step is not None and fault.path in step.all_paths
        label = build_field(fault.path, "").label if known else fault.path
        found.append((step, f"{label} {fault.message}".strip()))
    return found


def wrong_on(step: Step, errors: Errors) -> bool:
    """True when a field of this step is at fault."""
    return bool(errors_by_field(errors, step.all_paths))


def _progress(draft: Draft, current: Step, errors: Errors) -> list[Progress]:
    return [
        Progress(
            step=step,
            number=number,
            current=step is current,
            reachable=step.key in draft.visited,
            wrong=step.key in draft.visited and wrong_on(step, errors),
        )
        for number, step in enumerate(STEPS, start=1)
    ]


def _other_errors(current: Step, errors: Errors) -> list[tuple[Step | None, str]]:
    found = []
    for path, messages in errors.items():
        step = step_of(path)
        if step is current or path in {"overrides", "name", "folds", "seeds", "scheme"}:
            continue
        label = build_field(path, "").label if step and path in step.all_paths else path
        if not label:
            found += [(step, message) for message in messages]
        else:
            found += [(step, f"{label}: {one[:1].lower()}{one[1:]}") for one in messages]
    return found


def _summary(draft: Draft) -> list[SummaryPart]:
    parts = []
    for step in STEPS:
        rows = []
        for path in step.all_paths:
            item = draft.field(path)
            rows.append(SummaryRow(item.label, _in_words(item), item.usual if item.changed else ""))
        parts.append(SummaryPart(step, rows))
    return parts


def _in_words(item: BuilderField) -> str:
    if item.choices:
        return ", ".join(choice.title for choice in item.choices if choice.chosen) or "none"
    if item.kind == "checkbox":
        return "yes" if item.value else "no"
    if item.path.startswith("data.test_") and not item.value:
        return "by the fractions" if item.path == "data.test_start" else "to the end"
    return item.value or {"date": "whole file", "number": "all"}.get(item.kind, "–")


def presets(draft: Draft) -> list[Preset]:
    """The preset cards, with the size each network would have on the draft's timeframes."""
    chosen = draft.shown("data.timeframes")
    timeframes = max(len(chosen), 1) if isinstance(chosen, (list, tuple)) else 1
    cards = []
    for variant in Variant:
        values = preset_values(variant)
        width, layers = values["model.d_model"], values["model.layers"]
        fills = {form_name(path): value for path, value in values.items()}
        size = about_parameters(
            width=width,
            layers=layers,
            patch=values["model.patch_length"],
            timeframes=timeframes,
        )
        cards.append(Preset(str(variant), width, range(layers), size, fills))
    return cards

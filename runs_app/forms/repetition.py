"""The fields that make a group of a run: folds of a walk-forward and seeds."""

from __future__ import annotations

from collections.abc import Mapping

from runs_app.forecasting.data.walk_forward import MAX_FOLDS, MAX_SEEDS, Scheme
from runs_app.forms.build import BuilderField, Choice

_SCHEMES = {
    Scheme.EXPANDING: ("Expanding", "a fold learns from everything before its test"),
    Scheme.ROLLING: ("Rolling", "from as long a time as the first fold"),
}


def size_fields(
    size: Mapping[str, str], errors: Mapping[str, tuple[str, ...]]
) -> list[BuilderField]:
    """The three fields as the last page draws them; ``size`` holds the texts typed so far."""
    counts = (
        (
            "folds", "Walk-forward folds", MAX_FOLDS,
            "Trains anew for each fold and tests it on the stretch of time that follows; the tests "
            "do not overlap. 1: one split by the fractions.",
        ),
        (
            "seeds", "Repeat with seeds", MAX_SEEDS,
            "Trains the same with this many seeds, to tell luck from skill. All of them are "
            "reported, never the best alone.",
        ),
    )  # fmt: skip
    chosen = size.get("scheme", Scheme.EXPANDING)
    fields = [
        BuilderField(
            path=key, name=key, kind="number", label=label, help=text, value=size.get(key, "1"),
            minimum="1", maximum=str(most), step="1", errors=errors.get(key, ()),
        )
        for key, label, most, text in counts
    ]  # fmt: skip
    scheme = BuilderField(
        path="scheme",
        name="scheme",
        kind="choice",
        label="Folds learn from",
        help="Counts only with two folds or more.",
        value=chosen,
        choices=tuple(
            Choice(str(one), *_SCHEMES[one], chosen=str(one) == chosen) for one in Scheme
        ),
        errors=errors.get("scheme", ()),
    )
    return [*fields, scheme]

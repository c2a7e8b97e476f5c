"""The six steps of the builder and which fields of the schema stand on each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One page of the builder."""

    key: str
    title: str
    lead: str
    paths: tuple[str, ...]
    more: tuple[str, ...] = ()
    """Fields behind a disclosure: sensible for nearly everyone as they are."""

    @property
    def all_paths(self) -> tuple[str, ...]:
        """Every field of the page."""
        return self.paths + self.more


STEPS: tuple[Step, ...] = (
    Step(
        "data", "Data", "Which candles to learn from, and on which timeframes.",
        (
            "data.source", "data.timeframes", "data.decision", "data.start", "data.end",
            "data.repair",
        ),
        (
            "data.train_fraction", "data.validation_fraction", "data.test_start", "data.test_end",
            "data.embargo", "data.max_gap_bars", "data.date_order", "data.column_order",
        ),
    ),
    Step(
        "features", "Features", "What the network sees besides returns and volatility.",
        ("features.indicators", "features.calendar", "features.realised"),
    ),
    Step(
        "horizons", "Horizons", "How far ahead it forecasts, and which moves count as flat.",
        (
            "horizons.next_bars", "horizons.short", "horizons.long",
            "horizons.short_threshold_bps", "horizons.long_threshold_bps",
        ),
        ("costs.fee_bps", "costs.slippage_bps"),
    ),
    Step(
        "model", "Model", "How large the network is. A preset fills in every field below it.",
        (
            "model.variant", "model.d_model", "model.layers", "model.heads", "model.context_bars",
            "model.patch_length", "model.patch_stride", "model.dropout", "train.batch_size",
        ),
    ),
    Step(
        "loss", "Loss", "Which distribution of the next return is learnt, and with what weights.",
        ("loss.kind", "loss.weights.next", "loss.weights.short", "loss.weights.long"),
    ),
    Step(
        "train", "Train", "How long and how fast it learns.",
        (
            "train.max_epochs", "train.batch_size", "train.learning_rate", "train.weight_decay",
            "train.seed", "train.early_stopping_patience",
        ),
        (
            "train.accumulation", "train.steps_per_epoch", "train.warmup_steps",
            "train.gradient_clip",
            "train.checkpoint_every_epochs", "train.checkpoint_every_minutes",
            "train.keep_checkpoints", "train.log_every_steps", "train.accelerator",
            "train.devices", "train.precision", "train.compile", "train.stall_minutes",
        ),
    ),
)  # fmt: skip

STEP_KEYS: tuple[str, ...] = tuple(step.key for step in STEPS)


def get_step(key: str) -> Step | None:
    """The step of this name, or None."""
    return next((step for step in STEPS if step.key == key), None)


def step_of(path: str) -> Step | None:
    """The first step whose page has the field of this path (or the list it belongs to)."""
    for step in STEPS:
        if any(path == own or path.startswith(f"{own}.") for own in step.all_paths):
            return step
    return None

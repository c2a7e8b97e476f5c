"""What a draft's network takes, before it is started: parameters, memory, time per epoch.

Memory is computed, as the least that training takes. Time is never computed: it was measured here,
by a rehearsal or a finished run of the very network, or by runs of the same preset, or it is not
known yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runs_app.choices import JobKind, JobState, RunStatus
from runs_app.forecasting.config.document import to_tree
from runs_app.forecasting.config.footprint import (
    about_features,
    about_parameters,
    bytes_per_window,
    steps_of_epoch,
    training_bytes,
)
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.rehearsed import Rehearsal
from runs_app.models import Job, TrainingRun
from runs_app.queueing.turns import read_durations
from runs_app.services.launch import candle_facts, resolve

LOOKED_AT = 50
"""Newest rehearsals and finished runs among which one like the draft is looked for."""
COMPUTING = ("batch_size", "accumulation", "devices", "accelerator", "precision", "compile")
"""What the time of a step hangs on besides the network and its inputs."""


@dataclass(frozen=True)
class Estimate:
    """Of one run; seconds are None where nothing like it was measured here."""

    parameters: int
    weights_bytes: int
    """Weights, gradients and the optimizer's two moments."""
    batch_bytes: int
    """What one batch keeps for the way back, at least."""
    steps: int
    """Optimizer steps of an epoch, about."""
    windows: int
    """Windows of one optimizer step."""
    seconds: float | None
    """Of an epoch with its validation."""
    how: str
    """Where the seconds come from, a sentence."""
    measured_bytes: int | None = None
    """Memory that a rehearsal of the very network took."""

    @property
    def memory(self) -> int:
        """Bytes at least, beside the program and the data."""
        return self.weights_bytes + self.batch_bytes


def estimate(payload: Any) -> Estimate:
    """The estimate of a request. Raises ``ConfigInvalid``."""
    config, _ = resolve(payload)
    facts = candle_facts(config)
    features = about_features(config)
    parameters = about_parameters(
        width=config.model.d_model,
        layers=config.model.layers,
        patch=config.model.patch_length,
        timeframes=len(config.data.timeframes),
    )
    steps = steps_of_epoch(config, bars=facts.bars, bar_seconds=facts.bar_seconds)
    decisions = facts.bars * facts.bar_seconds / duration_seconds(config.data.decision_timeframe)
    validated = decisions * config.data.validation_fraction
    seconds, how, measured = _measured(config, steps, validated)
    return Estimate(
        parameters=parameters,
        weights_bytes=training_bytes(parameters),
        batch_bytes=config.train.batch_size * bytes_per_window(config, features),
        steps=steps,
        windows=config.train.windows_per_step,
        seconds=seconds,
        how=how,
        measured_bytes=measured,
    )


def _measured(
    config: RunConfig, steps: int, validated: float
) -> tuple[float | None, str, int | None]:
    """Seconds of an epoch, where they come from, and the memory that was measured with them."""
    wanted = _computing(to_tree(config))
    jobs = Job.objects.filter(kind=JobKind.REHEARSAL, state=JobState.DONE)[:LOOKED_AT]
    for job in jobs:
        if _computing(job.arguments["config"]) == wanted:
            found = Rehearsal.model_validate(job.facts)
            each = found.seconds_per_validation / found.decisions["validation"]
            seconds = steps * found.seconds_per_step + validated * each
            how = f"Measured by a rehearsal of this network on {found.device}."
            return seconds, how, found.peak_gpu_bytes or found.peak_memory_bytes
    done = TrainingRun.objects.filter(status=RunStatus.COMPLETED).order_by("-finished_at", "-pk")
    for run in done[:LOOKED_AT]:
        taken = _seconds_per_step(run)
        if taken is not None and _computing(run.config) == wanted:
            device = run.metrics.get("device", "this machine")
            how = f"Measured by the run {run} of this network on {device}, validation included."
            return steps * taken, how, None
    of_preset = read_durations().by_variant.get(str(config.model.variant))
    if of_preset is not None:
        how = (
            f"What finished runs of the preset {config.model.variant} took here for each epoch; "
            "this network was not measured yet."
        )
        return of_preset, how, None
    how = "Not known yet: no run and no rehearsal of this network has finished here."
    return None, how, None


def _seconds_per_step(run: TrainingRun) -> float | None:
    """Of one attempt that took all its steps itself; None where that cannot be said."""
    if run.attempt != 1 or not (run.started_at and run.finished_at and run.step):
        return None
    return (run.finished_at - run.started_at).total_seconds() / run.step


def _computing(tree: dict[str, Any]) -> tuple[Any, ...]:
    """What two configurations must share so that a step of theirs takes as long."""
    train, data = tree.get("train", {}), tree.get("data", {})
    model = {key: value for key, value in tree.get("model", {}).items() if key != "variant"}
    return (
        model,
        tree.get("features"),
        tree.get("loss", {}).get("kind"),
        data.get("timeframes"),
        *(train.get(name) for name in COMPUTING),
    )

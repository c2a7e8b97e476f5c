"""Going on from a checkpoint: everything the next step depends on is put back where it was."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch

from runs_app.forecasting.config.schema import TrainConfig
from runs_app.forecasting.errors import CheckpointDamaged, ResumeImpossible
from runs_app.forecasting.training.checkpoint import FORMAT, load_checkpoint
from runs_app.forecasting.training.origin import differences
from runs_app.forecasting.training.record import FitRecord

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.training.assembly import Fit

LOG = logging.getLogger(__name__)

HARMLESS = frozenset(
    {"checkpoint_every_epochs", "checkpoint_every_minutes", "keep_checkpoints", "log_every_steps"}
)
"""Parts of ``train`` that may change without changing a bit of the weights."""

APPROXIMATE = frozenset({"accelerator", "precision", "compile", "max_epochs"}) | {
    "early_stopping_patience"
}
"""Parts of ``train`` that may change, though the fit then ends elsewhere."""


SPLIT = frozenset({"batch_size", "accumulation", "devices"})
"""How the windows of a step are divided; may change as long as a step has as many as it had."""


class Resumption(NamedTuple):
    """From which optimizer step a fit goes on, and whether that changes how it ends."""

    step: int
    kind: Literal["exact", "approximate"]
    reasons: tuple[str, ...]
    """Why it is only approximate."""

    @property
    def sentence(self) -> str:
        """One line for the log."""
        if self.kind == "exact":
            return f"Resumed after step {self.step}: exact, the fit ends as if it had never stopped"
        return f"Resumed after step {self.step}: approximate, since {'; '.join(self.reasons)}"


def resume(fit: Fit) -> Resumption | None:
    """Take up the newest checkpoint that can be read; None where none was ever written.

    Raises ``ResumeImpossible`` where there are checkpoints and none of them fits.
    """
    found = newest(fit)
    if found is None:
        return None
    path, content = found
    reasons = _changes(fit, content)
    restore(fit, content)
    fit.store.adopt(path, fit.record)
    kind: Literal["exact", "approximate"] = "approximate" if reasons else "exact"
    return Resumption(fit.record.step, kind, tuple(reasons))


def newest(fit: Fit) -> tuple[Path, dict[str, Any]] | None:
    """The newest checkpoint that can be read whole, and whose best epoch is there as well."""
    candidates = fit.store.candidates()
    for path in candidates:
        try:
            content = load_checkpoint(path)
            record = _record_of(path, content)
            if record.best_epoch is not None:
                best = fit.store.best_of(record)
                if best is None:
                    raise CheckpointDamaged(f"{path.name} needs the file of its best epoch")
                load_checkpoint(best)
        except CheckpointDamaged as damage:
            LOG.warning("%s; trying the checkpoint before it", damage)
            continue
        return path, content
    if candidates:
        raise ResumeImpossible(
            f"None of the {len(candidates)} checkpoints can be read, so there is nothing to "
            "continue from; start over."
        )
    return None


def restore(fit: Fit, content: dict[str, Any], *, detour_seed: int | None = None) -> None:
    """Put every part of ``fit`` where it was when ``content`` was taken.

    With ``detour_seed`` the decisions then come in another order than they did.
    """
    fit.module.network.load_state_dict(content["network"])
    fit.module.optimizer_state = content["optimizer"]
    fit.record.load(content["record"])
    fit.feed.continue_from(content["order"], detour_seed=detour_seed)
    fit.throughput.seconds_per_step = content["seconds_per_step"]
    fit.throughput.seconds_per_validation = content["seconds_per_validation"]
    torch.set_rng_state(content["torch_rng_state"].cpu())
    if fit.device.type == "cuda" and content["cuda_rng_states"]:
        states = content["cuda_rng_states"][: torch.cuda.device_count()]
        torch.cuda.set_rng_state_all([state.cpu() for state in states])


def _record_of(path: Path, content: dict[str, Any]) -> FitRecord:
    if content.get("format") != FORMAT:
        raise CheckpointDamaged(f"{path.name} was written by another version of AiStemPre")
    return FitRecord(**content["record"])


def _changes(fit: Fit, content: dict[str, Any]) -> list[str]:
    """Why going on is only approximate. Raises ``ResumeImpossible`` where it makes no sense."""
    then, now = content["config"], fit.config.model_dump(mode="json")
    for section in ("data", "features", "horizons", "model", "loss"):
        if then[section] != now[section]:
            raise ResumeImpossible(
                f"The part {section} of config.yaml has changed since the checkpoint was written, "
                "so it cannot be continued; start over."
            )
    origin = content["origin"]
    if origin["data"] != fit.writer.origin["data"]:
        raise ResumeImpossible(
            f"The candles in {fit.config.data.source} give other inputs than when the checkpoint "
            "was written, so it cannot be continued; start over."
        )
    changed = {name for name in now["train"] if then["train"].get(name) != now["train"][name]}
    approximate = APPROXIMATE
    if (
        TrainConfig.model_validate(then["train"]).windows_per_step
        == fit.config.train.windows_per_step
    ):
        approximate |= SPLIT
    if fatal := sorted(changed - HARMLESS - approximate):
        raise ResumeImpossible(
            f"train.{fatal[0]} in config.yaml has changed since the checkpoint was written, so it "
            "cannot be continued; put the old value back or start over."
        )
    named = [
        f"train.{name} was {then['train'].get(name)} and is {now['train'][name]}"
        for name in sorted(changed & approximate)
    ]
    return differences(origin, fit.writer.origin) + named

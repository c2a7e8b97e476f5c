"""Going on from a checkpoint: everything the next step depends on is put back where it was."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch

from runs_app.forecasting.config.schema import TrainConfig
from runs_app.forecasting.errors import CheckpointDamaged, ResumeImpossible
from runs_app.forecasting.training.checkpoint import load_recorded
from runs_app.forecasting.training.checkpoint_store import EPOCH_NAME, path_of
from runs_app.forecasting.training.origin import differences
from runs_app.forecasting.training.record import FitRecord

if TYPE_CHECKING:
    from runs_app.forecasting.events import CheckpointSaved
    from runs_app.forecasting.recorded import Recorded
    from runs_app.forecasting.training.assembly import Fit

LOG = logging.getLogger(__name__)

HARMLESS = frozenset(
    {"checkpoint_every_epochs", "checkpoint_every_minutes", "keep_checkpoints", "log_every_steps"}
) | {"stall_minutes"}
"""Parts of ``train`` that may change without changing a bit of the weights."""

APPROXIMATE = frozenset({"accelerator", "precision", "compile", "max_epochs"}) | {
    "early_stopping_patience"
}
"""Parts of ``train`` that may change, though the fit then ends elsewhere."""


NEEDED = frozenset({"config", "origin", "network", "optimizer", "record", "order", "step", "epoch"})
"""Parts without which nothing can be continued."""
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


class Found(NamedTuple):
    """A checkpoint that was compared with its record and loaded."""

    content: dict[str, Any]
    event: CheckpointSaved
    best: CheckpointSaved | None
    """That of the best epoch until then, compared as well."""
    recorded: Recorded


def resume(fit: Fit) -> Resumption | None:
    """Take up the newest checkpoint that is what was once written; None where none ever was.

    Raises ``ResumeImpossible`` where there were checkpoints and none of them will do.
    """
    found = newest(fit)
    if found is None:
        return None
    reasons = _changes(fit, found.content)
    take_up(fit, found)
    kind: Literal["exact", "approximate"] = "approximate" if reasons else "exact"
    return Resumption(fit.record.step, kind, tuple(reasons))


def newest(fit: Fit) -> Found | None:
    """The newest checkpoint that matches its record, and whose best epoch does as well.

    None where the log knows of no checkpoint and none lies there. Raises ``ResumeImpossible``
    where none matches.
    """
    recorded = fit.store.recorded()
    paths = _newest_first(recorded, fit.store.files())
    for number, path in enumerate(paths):
        try:
            content, event = load_recorded(fit.run_dir / path, recorded.accepts(path))
            best = _best_of(fit, _record_of(path, content), event, recorded)
        except CheckpointDamaged as damage:
            LOG.warning("Warning: not continued from %s: %s", path, damage)
            continue
        if event == recorded.unannounced:
            LOG.info("%s is whole, though a kill came before its event", path)
        if number:
            LOG.warning("Continued from %s instead, of step %d", path, event.step)
        else:
            LOG.info("Continued from %s, the newest, of step %d, as recorded", path, event.step)
        return Found(content, event, best, recorded)
    if paths:
        one = len(paths) == 1
        none = "The only checkpoint is not" if one else f"None of the {len(paths)} checkpoints is"
        raise ResumeImpossible(
            f"{none} what was once written (the log says why for each), so there is nothing to "
            "continue from. Put the files back, or start over with a new run."
        )
    return None


def take_up(fit: Fit, found: Found, *, detour_seed: int | None = None) -> None:
    """Go on from a checkpoint, with ``detour_seed`` in another order."""
    restore(fit, found.content, detour_seed=detour_seed)
    fit.store.adopt(found.event, found.best, fit.record, found.recorded)


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


def _newest_first(recorded: Recorded, present: set[str]) -> list[str]:
    """Paths that are recorded or lie there, by their steps; those without a record come last."""
    steps = {path: event.step for path, event in recorded.saved.items()}
    fresh = recorded.unannounced
    if fresh is not None and fresh.path in present:
        steps[fresh.path] = fresh.step
    return sorted(present | steps.keys(), key=lambda path: (-steps.get(path, -1), path))


def _best_of(
    fit: Fit, record: FitRecord, event: CheckpointSaved, recorded: Recorded
) -> CheckpointSaved | None:
    if record.best_epoch is None:
        return None
    path = path_of(EPOCH_NAME.format(record.best_epoch))
    if path == event.path:
        return event
    try:
        return load_recorded(fit.run_dir / path, recorded.accepts(path))[1]
    except CheckpointDamaged as damage:
        raise CheckpointDamaged(f"it needs the file of its best epoch, but {damage}") from damage


def _record_of(path: str, content: dict[str, Any]) -> FitRecord:
    missing = sorted(NEEDED - content.keys())
    if missing:
        raise CheckpointDamaged(f"{path} has no {missing[0]}, so it is none of a fit")
    try:
        return FitRecord(**content["record"])
    except TypeError as error:
        raise CheckpointDamaged(f"{path} was written by another version of AiStemPre") from error


def _changes(fit: Fit, content: dict[str, Any]) -> list[str]:
    """Why going on is only approximate. Raises ``ResumeImpossible`` where it makes no sense."""
    then, now = content["config"], fit.config.model_dump(mode="json")
    for section in ("data", "features", "horizons", "model", "loss"):
        names = _changed(then[section], now[section])
        if names:
            raise ResumeImpossible(
                f"The part {section} of config.yaml has changed since the checkpoint was written "
                f"({', '.join(names)}), so it cannot be continued; put the old value back or "
                "start over with a new run.",
                field=f"{section}.{names[0]}",
            )
    origin = content["origin"]
    if origin["data"] != fit.writer.origin["data"]:
        raise ResumeImpossible(
            f"The candles in {fit.config.data.source} give other inputs than when the checkpoint "
            "was written, so it cannot be continued; put the old file back or start over with a "
            "new run."
        )
    changed = set(_changed(then["train"], now["train"])) - HARMLESS
    approximate = APPROXIMATE
    if (
        TrainConfig.model_validate(then["train"]).windows_per_step
        == fit.config.train.windows_per_step
    ):
        approximate |= SPLIT
    if fatal := sorted(changed - approximate):
        raise ResumeImpossible(
            f"train.{fatal[0]} in config.yaml has changed since the checkpoint was written, so it "
            "cannot be continued; put the old value back or start over with a new run.",
            field=f"train.{fatal[0]}",
        )
    named = [
        f"train.{name} was {then['train'].get(name)} and is {now['train'].get(name)}"
        for name in sorted(changed)
    ]
    return differences(origin, fit.writer.origin) + named


def _changed(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))

"""The training itself, and the one way back from a loss that is not finite."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.errors import NonFiniteLoss
from runs_app.forecasting.events import RolledBack
from runs_app.forecasting.training.assembly import Fit, build_network, build_trainer
from runs_app.forecasting.training.branch import start_from_branch
from runs_app.forecasting.training.record import FitRecord
from runs_app.forecasting.training.resume import newest, restore, take_up

if TYPE_CHECKING:
    from typing import Any

LOG = logging.getLogger(__name__)

DETOUR = 1_000_003
"""Step and seed make a new seed together; a prime, so that small ones do not meet."""


def train(fit: Fit) -> None:
    """Train to the end. Where a loss is not finite, go back once and on in another order.

    Raises ``NonFiniteLoss`` the second time.
    """
    while not _is_over(fit):
        trainer = build_trainer(fit)
        try:
            trainer.fit(fit.module, fit.feed)
        except NonFiniteLoss as fault:
            if fit.record.rollbacks:
                raise
            roll_back(fit, fault)
        else:
            return


def roll_back(fit: Fit, fault: NonFiniteLoss) -> None:
    """Back to the newest checkpoint, or to the start; the decisions then come in another order."""
    step = fit.record.step
    seed = fit.config.train.seed * DETOUR + step
    with fit.ranks.first_before_others():
        found = newest(fit)
        if found is None:
            restore(fit, _start(fit), detour_seed=seed)
        elif fit.ranks.leads:
            take_up(fit, found, detour_seed=seed)
        else:
            restore(fit, found.content, detour_seed=seed)
    fit.record.rollbacks = 1
    message = (
        f"{fault} Went back once, from step {step} to the weights after step {fit.record.step}, "
        "and on with the windows in another order; a second time ends the run."
    )
    LOG.warning("Warning: %s", message)
    fit.log.put(RolledBack(from_step=step, to_step=fit.record.step, message=message))


def _is_over(fit: Fit) -> bool:
    record = fit.record
    return record.stopped_early or record.epochs >= fit.config.train.max_epochs


def _start(fit: Fit) -> dict[str, Any]:
    """What a checkpoint before the first step would have held."""
    torch.manual_seed(fit.config.train.seed)
    network = build_network(fit.config, fit.data, fit.table)
    start_from_branch(network, fit.run_dir, fit.config, fit.data)
    return {
        "network": network.state_dict(),
        "optimizer": None,
        "record": FitRecord().state(),
        "order": fit.feed.start,
        "seconds_per_step": None,
        "seconds_per_validation": 0.0,
        "torch_rng_state": torch.get_rng_state(),
        "cuda_rng_states": [],
    }

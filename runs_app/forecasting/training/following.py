"""What a process that does not lead does in a fit: its share of every step, and nothing else."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from runs_app.forecasting.training.agreement import SilentLog
from runs_app.forecasting.training.branch import start_from_branch
from runs_app.forecasting.training.console import ROOT_LOGGER
from runs_app.forecasting.training.failures import explain
from runs_app.forecasting.training.fit import Work, chosen, prepared
from runs_app.forecasting.training.memory import within_the_machine
from runs_app.forecasting.training.ranks import Dismissed
from runs_app.forecasting.training.resume import newest, restore
from runs_app.forecasting.training.rollback import train
from runs_app.forecasting.training.stacks import shown_on_request
from runs_app.forecasting.training.stopping import StopRequested

if TYPE_CHECKING:
    from pathlib import Path

    from runs_app.forecasting.training.assembly import Fit
    from runs_app.forecasting.training.group import Group


def follow(run_dir: Path, data_root: Path, ranks: Group) -> int:
    """Take part in the fit of ``run_dir``; returns an exit status.

    What was agreed, and what the first process ends, is no fault of this one's: 0.
    """
    logging.getLogger(ROOT_LOGGER).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    stop = ranks.new_stop()
    try:
        work = Work(run_dir, data_root, SilentLog(), stop, ranks)
        with shown_on_request(), stop.listening(), ExitStack() as held:
            _take_part(_prepare(work, held), ranks)
    except (Dismissed, StopRequested):
        return 0
    except Exception as error:  # noqa: BLE001 - the last frame of the process: report and end
        traceback.print_exception(error, file=sys.stderr)
        return 1
    return 0


def _prepare(work: Work, held: ExitStack) -> Fit:
    """As the first process does, which is told where it does not succeed here."""
    try:
        config, device = chosen(work)
        held.enter_context(within_the_machine(device))
        fit = prepared(device, config, work)
    except Exception as error:
        work.ranks.meet(explain(error))
        raise
    work.ranks.meet()
    return fit


def _take_part(fit: Fit, ranks: Group) -> None:
    ranks.use(fit.device)
    resumes: bool = ranks.from_first(bool)
    if resumes and (found := newest(fit)) is not None:
        restore(fit, found.content)
    else:
        start_from_branch(fit.module.network, fit.run_dir, fit.config, fit.data)
    ranks.meet()
    with suppress(StopRequested):  # agreed, and the first process saves
        train(fit)
    ranks.leave()

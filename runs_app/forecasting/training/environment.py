"""The trainer writes down what it works with, before its first step."""

from __future__ import annotations

import logging
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import torch

from runs_app.forecasting.data.imports import file_sha256
from runs_app.forecasting.environment import DataFacts, Environment, add_environment
from runs_app.forecasting.evaluation.context import read_context
from runs_app.forecasting.events import INIT_FILE
from runs_app.forecasting.provenance import code_state, installed_packages
from runs_app.forecasting.training.origin import origin_of

if TYPE_CHECKING:
    from runs_app.forecasting.training.assembly import Fit
    from runs_app.forecasting.training.resume import Resumption

LOG = logging.getLogger(__name__)


def note_environment(
    fit: Fit, attempt: int, resumption: Resumption | None, *, branched: bool
) -> None:
    """Add this attempt to ``environment.json``. Raises ``OSError``; a full disk ends the fit."""
    config, data = fit.config, fit.data
    origin = origin_of(data, fit.device, config)
    environment = Environment(
        attempt=attempt,
        at=datetime.now(UTC),
        python=platform.python_version(),
        platform=platform.platform(),
        torch=str(torch.__version__),
        device=origin["device"],
        devices=fit.ranks.size,
        threads=torch.get_num_threads(),
        processor=origin["processor"],
        compiled=config.train.compile,
        packages=installed_packages(),
        code=code_state(),
        data=DataFacts(
            source=config.data.source,
            source_sha256=data.source_sha256,
            candles_sha256=data.fingerprint,
            candles=len(data.candles),
        ),
        ledger=data.ledger,
        purge_seconds=int(config.purge.total_seconds()),
        tries=read_context(fit.run_dir).tries,
        resumed_from_step=resumption.step if resumption else None,
        resume=resumption.kind if resumption else "",
        init_sha256=file_sha256(fit.run_dir / INIT_FILE) if branched else "",
    )
    add_environment(fit.run_dir, environment)
    code = environment.code
    LOG.info(
        "Code: commit %s%s, core %s",
        code.commit, " with changes" if code.dirty else "", code.core_sha256[:12],
    )  # fmt: skip

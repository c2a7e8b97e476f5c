"""What a fit prints: one plain line per thing."""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm.contrib.logging import logging_redirect_tqdm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs_app.forecasting.events import EpochFinished

ROOT_LOGGER = "runs_app.forecasting"
SCORES = (
    ("NLL", "val_nll", ".4f"),
    ("CRPS", "val_crps", ".4e"),
    ("pinball", "val_pinball", ".4e"),
    ("RMSE", "val_rmse", ".4e"),
)


@contextmanager
def printing() -> Iterator[None]:
    """Send the core's log lines to standard output, above a progress bar where there is one."""
    logger = logging.getLogger(ROOT_LOGGER)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for name in ("pytorch_lightning", "lightning_fabric", "lightning_utilities"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(), logging_redirect_tqdm([logger]):
            # Lightning's advice on things this product does on purpose.
            warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric")
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def epoch_line(event: EpochFinished, *, max_epochs: int, is_best: bool) -> str:
    """One line for one epoch."""
    scores = event.metrics
    best = " (best)" if is_best else ""
    parts = [
        f"Epoch {event.epoch}/{max_epochs}",
        f"train loss {event.train_loss:.4f}",
        f"val loss {_number(scores['val_loss'], '.4f')}{best}",
    ]
    for name, key, form in SCORES:
        if scores[key] is not None:
            parts.append(f"{name} {_number(scores[key], form)}")
    parts.append(f"DA {_number(scores['val_da'], '.2%')}")
    parts.append(
        f"F1 short {_number(scores['val_f1_short'], '.3f')} "
        f"long {_number(scores['val_f1_long'], '.3f')}"
    )
    parts.append(f"{event.seconds:.1f} s")
    if event.eta_seconds is not None:
        parts.append(f"left {duration_text(event.eta_seconds)}")
    return ", ".join(parts)


def duration_text(seconds: float) -> str:
    """Seconds as ``45 s``, ``3 min`` or ``2 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _number(value: float | None, form: str) -> str:
    return "none" if value is None else format(value, form)

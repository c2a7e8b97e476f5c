"""How well directions are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = 3


def directional_accuracy(location: Tensor, target: Tensor) -> float | None:
    """Share of decisions whose forecast [N] has the sign of the target [N].

    Unchanged prices have no direction and are left out; None where nothing is left. A forecast of
    exactly zero is a miss.
    """
    moved = target != 0
    if not bool(moved.any()):
        return None
    hits = torch.sign(location[moved]) == torch.sign(target[moved])
    return float(hits.double().mean())


def macro_f1(predicted: Tensor, label: Tensor) -> float:
    """Mean over classes of F1; a class neither predicted nor present does not count.

    ``predicted`` and ``label`` are [N] with 0 down, 1 flat, 2 up.
    """
    cells = torch.bincount(label * CLASSES + predicted, minlength=CLASSES * CLASSES)
    confusion = cells.view(CLASSES, CLASSES).double()  # [label, predicted]
    hits = confusion.diagonal()
    involved = confusion.sum(0) + confusion.sum(1)  # predicted plus present, per class
    occurs = involved > 0
    return float((2.0 * hits[occurs] / involved[occurs]).mean())

"""How the admin's form of a run is parted: what is asked for most stands first and open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs_app.admin_documents import SUFFIX

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldOpts

LABELS = ("name", "tag_words", "note")
"""What people may edit."""

SECTIONS: dict[str, tuple[str, ...]] = {
    "": LABELS,
    "How it stands": (
        "uid", "status", "reason", "message", "outcome", "preset", "data_set", "group", "fold",
        "seed", "parent", "parent_checkpoint", "kinship",
    ),
    "When and where": (
        "created_at", "queued_at", "started_at", "finished_at", "seconds", "worker", "attempt",
        "losses", "priority", "size_bytes",
    ),
    "Figures": (
        "epoch", "step", "train_loss", "val_loss", "best_val_loss", "val_nll", "val_crps",
        "val_pinball", "val_da", "val_rmse", "val_f1", "skill",
    ),
    "Documents": tuple(
        name + SUFFIX for name in ("config", "request", "metrics", "verdict", "leaks")
    ),
}  # fmt: skip
CLOSED = "Documents"
REST = "Bookkeeping"
"""What stands in no section above."""


Section = tuple[str | None, "_FieldOpts"]


def sections(names: tuple[str, ...]) -> tuple[Section, ...]:
    """All of these fields in sections; the last two open on request."""
    found: list[Section] = []
    for title, wanted in SECTIONS.items():
        fields = tuple(name for name in wanted if name in names)
        found.append((title or None, {"fields": fields, "classes": _classes(title)}))
    placed = {name for wanted in SECTIONS.values() for name in wanted}
    rest = tuple(name for name in names if name not in placed)
    return (*found, (REST, {"fields": rest, "classes": _classes(REST)}))


def _classes(title: str) -> tuple[str, ...]:
    return ("collapse",) if title in (CLOSED, REST) else ()

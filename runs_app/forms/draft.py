"""A run that is being put together: kept in the session, one draft per builder, texts as typed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from runs_app.forecasting.config.compose import preset_value, preset_values
from runs_app.forecasting.config.paths import FIELDS, set_path
from runs_app.forecasting.config.schema import LossKind, Variant
from runs_app.forecasting.config.timeframes import TIMEFRAMES, duration_seconds
from runs_app.forms.build import NONE, BuilderField, build_field, same_value, to_schema_value
from runs_app.forms.steps import STEP_KEYS

KEY = "drafts"
CHOSEN = frozenset({"model.variant", "loss.kind"})
"""What chooses the preset, and so differs from none."""
MAX_DRAFTS = 20
"""Drafts kept per browser; the oldest goes first."""
MAX_TEXT = 20_000


@dataclass
class Draft:
    """What has been filled in so far; a field that was never touched has the preset's value."""

    id: str
    values: dict[str, Any] = field(default_factory=dict)
    """By dotted schema path, as the form sent it."""
    name: str = ""
    overrides: str = ""
    size: dict[str, str] = field(default_factory=dict)
    """Texts of ``folds``, ``seeds`` and ``scheme``; what is absent is 1, or expanding."""
    visited: list[str] = field(default_factory=list)
    """Keys of the steps that were left with Next."""
    run: str = ""
    """Public id of the run that was started from the draft."""
    group: str = ""
    """Public id of the group that was started from the draft."""
    parent: str = ""
    """Public id of the run whose form was filled in."""
    kinship: str = ""
    """What the run will be to its parent; empty where there is none."""
    checkpoint: str = ""
    """Path of the parent's checkpoint whose weights a branch starts from."""
    marks: dict[str, list[Any]] = field(default_factory=dict)
    """By path: why the parent failed there, and the value it failed with."""
    saved_at: str = ""
    """When it was last saved, as an ISO instant."""

    @property
    def saved_time(self) -> datetime | None:
        """The same as a time; None where it never was."""
        return datetime.fromisoformat(self.saved_at) if self.saved_at else None

    @property
    def is_open(self) -> bool:
        """True while nothing was started from it."""
        return not (self.run or self.group)

    @property
    def resume_at(self) -> str:
        """Key of the first step that was not left with Next yet."""
        return next((key for key in STEP_KEYS if key not in self.visited), STEP_KEYS[-1])

    @property
    def title(self) -> str:
        """What a list calls it."""
        return self.name or str(self.values.get("data.source") or "") or "Without data yet"

    @property
    def still_marked(self) -> dict[str, str]:
        """Path to message of the marks whose field has not been changed since."""
        return {
            path: message
            for path, (message, value) in self.marks.items()
            if path not in self.values or self.values[path] == value
        }

    def shown(self, path: str) -> Any:
        """The value a field shows: what was typed, else the preset's."""
        if path in self.values:
            return self.values[path]
        usual = self.usual(path)
        return "" if usual is NONE else usual

    def usual(self, path: str) -> Any:
        """The preset's value; ``NONE`` for the candles, which no preset names."""
        variant = self.values.get("model.variant")
        loss = self.values.get("loss.kind")
        try:
            return preset_value(
                path,
                variant if variant in set(Variant) else Variant.BASE,
                loss if loss in set(LossKind) else LossKind.STUDENT_T,
            )
        except KeyError:
            return NONE

    def field(self, path: str, errors: tuple[str, ...] = ()) -> BuilderField:
        """The field as the draft shows it, beside what the preset has."""
        usual = NONE if path in CHOSEN else self.usual(path)
        return build_field(path, self.shown(path), errors, usual=usual)

    @property
    def differing(self) -> list[str]:
        """Paths on which the draft has another value than its preset, in the schema's order."""
        return [
            path
            for path in FIELDS
            if path in self.values
            and (
                self.usual(path) is NONE
                or not same_value(path, self.values[path], self.usual(path))
            )
        ]

    def payload(self) -> dict[str, Any]:
        """The request: the nested configuration as typed, and the overrides on top."""
        tree: dict[str, Any] = {}
        for path, value in self.values.items():
            set_path(tree, path, to_schema_value(path, value))
        if not self.values.get("data.source"):
            set_path(tree, "data.source", "")
        if self.overrides.strip():
            tree["overrides"] = self.overrides
        return tree

    def choose_data(self, path: str, timeframe: str) -> None:
        """Fill in a candle file; timeframes and a short horizon its bars cannot make give way.

        ``timeframe`` is the length of the file's own bars, empty where it is unknown.
        """
        self.values["data.source"] = path
        if not timeframe:
            return
        bar = duration_seconds(timeframe)
        made = [name for name in TIMEFRAMES if duration_seconds(name) % bar == 0]
        usual = [name for name in self.shown("data.timeframes") if name in made] or made[:1]
        if not usual:
            return
        self.values["data.timeframes"] = usual
        short = f"{4 * int(usual[0][:-1])}{usual[0][-1]}"
        too_short = duration_seconds(self.shown("horizons.short")) < duration_seconds(usual[0])
        if too_short and duration_seconds(short) < duration_seconds(self.shown("horizons.long")):
            self.values["horizons.short"] = short

    def choose_preset(self, variant: str, *, keep: frozenset[str] = frozenset()) -> None:
        """Fill in a preset's values but for the paths in ``keep``; an unknown name fills none."""
        self.values["model.variant"] = variant
        if variant not in set(Variant):
            return
        for path, value in preset_values(variant).items():
            if path not in keep:
                self.values[path] = value


def new_draft() -> Draft:
    """An empty draft with a fresh id; it is stored when something is saved in it."""
    return Draft(id=secrets.token_hex(6))


def load(session: SessionBase, draft_id: str) -> Draft:
    """The stored draft of this id, or an empty one."""
    stored = session.get(KEY, {}).get(draft_id)
    return Draft(**stored) if stored else Draft(id=draft_id[:32])


def open_drafts(session: SessionBase, *, but: str = "") -> list[Draft]:
    """Stored drafts from which nothing was started, the newest first."""
    drafts = [Draft(**stored) for stored in reversed(session.get(KEY, {}).values())]
    return [draft for draft in drafts if draft.is_open and draft.id != but]


def forget(session: SessionBase, draft_id: str) -> bool:
    """Delete a draft; False where there is none of this id."""
    drafts = session.get(KEY, {})
    found = drafts.pop(draft_id, None) is not None
    session[KEY] = drafts
    return found


def save(session: SessionBase, draft: Draft) -> None:
    """Store the draft; over the limit the used ones go first, then the oldest."""
    draft.saved_at = datetime.now(UTC).isoformat(timespec="seconds")
    drafts = session.get(KEY, {})
    drafts.pop(draft.id, None)
    drafts[draft.id] = {
        "id": draft.id,
        "values": draft.values,
        "name": draft.name[:200],
        "overrides": draft.overrides[:MAX_TEXT],
        "visited": draft.visited,
        "run": draft.run,
        "group": draft.group,
        "parent": draft.parent,
        "kinship": draft.kinship,
        "checkpoint": draft.checkpoint,
        "marks": draft.marks,
        "saved_at": draft.saved_at,
        "size": {key: text[:20] for key, text in draft.size.items()},
    }
    while len(drafts) > MAX_DRAFTS:
        used = (key for key, kept in drafts.items() if kept.get("run") or kept.get("group"))
        drafts.pop(next(used, next(iter(drafts))))
    session[KEY] = drafts

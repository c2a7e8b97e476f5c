"""Events of a run as HTML: the page's own panels, rendered again from the database.

A batch of events becomes one text: a ``template`` element that carries the numbers (newest ``seq``,
chart points), and one ``hx-partial`` per panel that changed. The first paint, this text over the
socket and the answer to a poll come from the same partials of ``runs/_panels.html``.
"""

from __future__ import annotations

import json
from typing import Any

from django.template.loader import render_to_string

from runs_app import queries
from runs_app.choices import EventKind
from runs_app.live.updates import Update
from runs_app.models import TrainingRun
from runs_app.points.columns import figures, word_of
from runs_app.series import BACK_TO_STEP

PANELS: dict[str, frozenset[str]] = {
    "header": frozenset({EventKind.STATUS}),
    "metrics": frozenset(EventKind),  # it says how old the newest event is
    "system": frozenset({EventKind.METRICS, EventKind.SYSTEM, EventKind.STATUS}),
    "checkpoints": frozenset({EventKind.CHECKPOINT, EventKind.STATUS}),
    "baselines": frozenset({EventKind.METRICS}),
    "artifacts": frozenset({EventKind.CHECKPOINT, EventKind.STATUS}),
}
"""Which kinds of event change which panel."""


def render_update(run_pk: int, update: Update) -> str:
    """The HTML that brings a page showing the state before an update up to date.

    An empty update gives an empty text, and so does a run that was deleted meanwhile. Reads the
    run's row, so that a panel always shows the newest state, even when the events are older.
    """
    run = None if update.is_empty else TrainingRun.objects.filter(pk=run_pk).first()
    if run is None:
        return ""
    kinds = {str(event["event_type"]) for event in update.events}
    if update.log.lines:
        kinds.add(EventKind.LOG)
    context = {
        "page": queries.dashboard(run),
        "changed": [name for name, causes in PANELS.items() if kinds & causes],
        "log": update.log,
        "seq": update.seq,
        "points": _points(update),
    }
    return render_to_string("runs/_batch.html", context)


def _points(update: Update) -> str:
    """What the charts add, as JSON; empty where there is nothing.

    ``points`` are rows of number, step, time as ISO and values by metric; ``back`` says that the
    fit went back, so that what is known has to be read again.
    """
    rows: list[tuple[int, int, str, dict[str, float | str]]] = []
    more: dict[str, Any] = {}
    for event in update.events:
        data = event["data"]
        if "baselines" in data:
            more["baselines"] = data["baselines"]
        if BACK_TO_STEP in data:
            more["back"] = True
            more["steps_per_epoch"] = data.get("steps_per_epoch")
        found = figures(event["event_type"], data)
        if found and found[1]:
            values = {name: word_of(value) for name, value in found[1].items()}
            rows.append((event["seq"], found[0], event["timestamp"], values))
    if not rows and not more:
        return ""
    return json.dumps({"points": rows} | more, allow_nan=False)

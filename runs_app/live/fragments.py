"""Events of a run as HTML: the page's own panels, rendered again from the database.

A batch of events becomes one text: a ``template`` element that carries the numbers (newest ``seq``,
chart points), and one ``hx-partial`` per panel that changed. The first paint, this text over the
socket and the answer to a poll come from the same partials of ``runs/_panels.html``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.template.loader import render_to_string

from runs_app import queries
from runs_app.choices import EventKind
from runs_app.models import TrainingRun
from runs_app.series import CURVE_KINDS, read_points

PANELS: dict[str, frozenset[str]] = {
    "header": frozenset({EventKind.STATUS}),
    "metrics": frozenset(EventKind),  # it says how old the newest event is
    "system": frozenset({EventKind.METRICS, EventKind.SYSTEM, EventKind.STATUS}),
    "checkpoints": frozenset({EventKind.CHECKPOINT, EventKind.STATUS}),
    "baselines": frozenset({EventKind.METRICS}),
    "artifacts": frozenset({EventKind.CHECKPOINT, EventKind.STATUS}),
}
"""Which kinds of event change which panel."""


def render_events(run_pk: int, events: Sequence[Mapping[str, Any]]) -> str:
    """The HTML that brings a page showing the state before ``events`` up to date.

    ``events`` are stream messages of one run in order of ``seq``; empty gives an empty text, and so
    does a run that was deleted meanwhile. Reads the run's row, so that a panel always shows the
    newest state, even when the events are older.
    """
    run = TrainingRun.objects.filter(pk=run_pk).first()
    if run is None or not events:
        return ""
    kinds = {str(event["event_type"]) for event in events}
    changed = [name for name, causes in PANELS.items() if kinds & causes]
    lines = [
        queries.log_line(event["seq"], event["data"])
        for event in events
        if event["event_type"] == EventKind.LOG
    ]
    points = read_points(e["data"] for e in events if e["event_type"] in CURVE_KINDS)
    context = {
        "page": queries.dashboard(run),
        "changed": changed,
        "log": lines[-queries.LOG_LINES :],
        "seq": events[-1]["seq"],
        "points": "" if points.is_empty else json.dumps(points.as_dict()),
    }
    return render_to_string("runs/_batch.html", context)

"""The API put together: routes, errors and the OpenAPI document at ``/api/docs``."""

from __future__ import annotations

from ninja import NinjaAPI

from runs_app.api import (
    actions,
    comparison,
    datasets,
    decisions,
    exports,
    fetches,
    groups,
    labels,
    leak_checks,
    notifications,
    points,
    predictions,
    problems,
    queue,
    rehearsals,
    runs,
    trash,
)
from runs_app.api.reference import ReferencePage

api = NinjaAPI(
    title="AiStemPre",
    version="1",
    urls_namespace="api",
    docs=ReferencePage(),
    description="Build, train and watch probabilistic forecasters of candle data. "
    "Every address also answers without the leading `/api`, unless HTML is asked for. "
    "Live updates come over the WebSocket `/runs/{id}/stream?after=SEQ`: every event after that "
    "number, then what happens, each as `event_type`, `run_id`, `seq`, `attempt`, `timestamp` and "
    "`data`. A `log` event holds `count` console lines in `message`, separated by newlines; `line` "
    "is the number of the first, from 1 in each attempt. The stream closes with code 1000 when the "
    "run has ended, 4404 where there is no such run, and 4416 where `after` is larger than the "
    "number of the newest event: begin again with 0. A 503 says that the database is away: ask "
    "again after `Retry-After` seconds.",
)
problems.add_handlers(api)
# Before the runs, whose ids would take its address.
api.add_router("", comparison.router)
api.add_router("", labels.router)
api.add_router("", runs.router)
api.add_router("", actions.router)
api.add_router("", points.router)
api.add_router("", queue.router)
api.add_router("", decisions.router)
api.add_router("", exports.router)
api.add_router("", groups.router)
api.add_router("", datasets.router)
api.add_router("", fetches.router)
api.add_router("", predictions.router)
api.add_router("", leak_checks.router)
api.add_router("", rehearsals.router)
api.add_router("", trash.router)
api.add_router("", notifications.router)

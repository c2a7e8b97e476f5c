"""The API put together: routes, errors and the OpenAPI document at ``/api/docs``."""

from __future__ import annotations

from ninja import NinjaAPI

from runs_app.api import (
    comparison,
    datasets,
    groups,
    leak_checks,
    predictions,
    problems,
    queue,
    runs,
)

api = NinjaAPI(
    title="AiStemPre",
    version="1",
    urls_namespace="api",
    description="Build, train and watch probabilistic forecasters of candle data. "
    "Every address also answers without the leading `/api`, unless HTML is asked for. "
    "Live updates come over the WebSocket `/runs/{id}/stream`.",
)
problems.add_handlers(api)
# Before the runs, whose ids would take its address.
api.add_router("", comparison.router)
api.add_router("", runs.router)
api.add_router("", queue.router)
api.add_router("", groups.router)
api.add_router("", datasets.router)
api.add_router("", predictions.router)
api.add_router("", leak_checks.router)

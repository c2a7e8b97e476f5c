"""WebSocket addresses."""

from __future__ import annotations

from django.urls import path, re_path

from runs_app.consumers import RunStreamConsumer, UnknownAddress

websocket_urlpatterns = [
    path("runs/<str:uid>/stream", RunStreamConsumer.as_asgi()),
    re_path("", UnknownAddress.as_asgi()),
]

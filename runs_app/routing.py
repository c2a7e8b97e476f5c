"""WebSocket addresses."""

from __future__ import annotations

from django.urls import path

from runs_app.consumers import RunStreamConsumer

websocket_urlpatterns = [path("runs/<str:uid>/stream", RunStreamConsumer.as_asgi())]

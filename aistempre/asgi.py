"""HTTP and WebSocket: the checks of address and origin stand outermost, then the routes."""

from __future__ import annotations

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

from aistempre import bodies, ending
from aistempre.bodies import StreamedBodies
from aistempre.loopback import LoopbackOnly
from aistempre.pacing import PacedResponses, PacedSockets

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aistempre.settings")
http = StreamedBodies(PacedResponses(get_asgi_application()))
bodies.install(settings.UPLOAD_BODY_BYTES)
ending.install()

# These import models, which need the applications that the line above has loaded.
from runs_app.live.origins import SameOrigin
from runs_app.routing import websocket_urlpatterns

sockets = SameOrigin(PacedSockets(URLRouter(websocket_urlpatterns)))
application = LoopbackOnly(ProtocolTypeRouter({"http": http, "websocket": sockets}))

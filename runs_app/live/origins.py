"""Which pages may open a socket: our own. Another site's is refused before the handshake ends."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host


class SameOrigin:
    """Wraps an ASGI application; lets a socket through that has no Origin, or ours.

    Programs send no Origin. A browser always does; ``null`` or another host is refused with 403.
    The Host must be one of ``ALLOWED_HOSTS`` in any case, so that no name rebound to this machine
    is taken for ours.
    """

    def __init__(self, application: Any) -> None:
        self._application: ASGI3Application = application

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        application = self._application if is_ours(scope["headers"]) else WebsocketDenier()  # type: ignore[typeddict-item]
        await application(scope, receive, send)


def is_ours(headers: Any) -> bool:
    """True where the Host is allowed and the Origin, if given, names the same host and port."""
    found = [(name.lower(), value.decode("latin1")) for name, value in headers]
    hosts = [value for name, value in found if name == b"host"]
    origins = [value for name, value in found if name == b"origin"]
    if len(hosts) != 1 or len(origins) > 1:
        return False
    domain, _ = split_domain_port(hosts[0])
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        return False
    return not origins or _names(origins[0], hosts[0])


def _names(origin: str, host: str) -> bool:
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()

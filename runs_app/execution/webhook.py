"""A notification as a signed POST, to the configured address and nowhere else.

The name is resolved here once, every address it has is judged, and the connection goes to the
judged one: a name that changes between check and use leads nowhere new. Redirects are not followed,
no proxy is asked.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from django.conf import settings

from runs_app.execution.undelivered import Undelivered
from runs_app.notification_models import Delivery
from runs_app.notified import as_json

CONNECT_SECONDS = 10.0
TOTAL_SECONDS = 30.0
"""For everything after the connection stands, however slowly the answer drips."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was judged, under the name it was found by."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS)
        self._address = address
        self._secure = secure

    def connect(self) -> None:
        """To the address, with the certificate of the name."""
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


def post_webhook(delivery: Delivery) -> None:
    """Post it and wait for a 2xx answer; raises ``Undelivered``."""
    url = urlsplit(settings.NOTIFY_WEBHOOK_URL)
    if not url.hostname:
        raise Undelivered("No webhook is set up any more (NOTIFY_WEBHOOK_URL).")
    body = json.dumps({"id": delivery.uid} | as_json(delivery.notification)).encode()
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 80)
    connection = _Pinned(url.hostname, port, _address(url.hostname, port), secure=secure)
    late = threading.Event()
    timer = threading.Timer(TOTAL_SECONDS, _cut, [connection, late])
    path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
    try:
        connection.connect()
        timer.start()
        connection.request("POST", path, body, _headers(delivery.uid, body, url.netloc))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise Undelivered(f"{url.hostname} did not take it: {why}.") from error
    finally:
        timer.cancel()
        connection.close()
    if late.is_set():  # what had come by then may look like an answer
        raise Undelivered(f"{url.hostname} did not answer within {TOTAL_SECONDS:g} seconds.")
    if not 200 <= status < 300:
        raise Undelivered(f"{url.hostname} answered {status}; a receiver answers 200 to 299.")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What the receiver computes too, to know that the body is ours and fresh."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def is_public(text: str) -> bool:
    """Whether an address belongs to the internet, also by what is embedded in it."""
    address = ipaddress.ip_address(text.partition("%")[0])
    inner: list[ipaddress.IPv4Address | ipaddress.IPv6Address | None] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        teredo = address.teredo[1] if address.teredo else None
        inner += [address.ipv4_mapped, address.sixtofour, teredo]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.ipv4_mapped:
            inner[0] = None  # is_global of the mapped form differs between versions of Python
    return all(one.is_global and not one.is_multicast for one in inner if one is not None)


def _address(host: str, port: int) -> str:
    """The first address of the name, where all of them may be reached."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Undelivered(f"The name {host} was not found: {error}.") from error
    addresses = [str(entry[4][0]) for entry in found]
    inside = [one for one in addresses if not is_public(one)]
    if inside and not settings.NOTIFY_WEBHOOK_PRIVATE:
        raise Undelivered(
            f"{host} is {inside[0]}, which is not on the internet; set NOTIFY_WEBHOOK_PRIVATE=yes "
            "where the receiver is on your own network."
        )
    return addresses[0]


def _headers(uid: str, body: bytes, netloc: str) -> dict[str, str]:
    now = str(int(time.time()))
    return {
        "Host": netloc,
        "Content-Type": "application/json",
        "User-Agent": "AiStemPre",
        "X-Delivery": uid,
        "X-Timestamp": now,
        "X-Signature": signature(settings.NOTIFY_WEBHOOK_SECRET, now, body),
        "Connection": "close",
    }


def _cut(connection: _Pinned, late: threading.Event) -> None:
    """End a call that drags on."""
    late.set()
    try:
        connection.sock.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError):
        return  # it has just ended

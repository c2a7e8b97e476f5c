"""A user of the product under test: through HTTP alone, remembering what was acknowledged."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from launcher.client import TINY_RUN
from tests.faults.trainers import seed_of

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Acknowledged:
    """An action that was answered with 2xx."""

    action: str
    uid: str


class User:
    """Sends one request at a time per call; safe from several threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._acknowledged: list[Acknowledged] = []
        self.answers: dict[int, int] = {}
        """How often each status was answered; 0 where no answer came."""

    @property
    def acknowledged(self) -> list[Acknowledged]:
        """What was answered with 2xx so far."""
        with self._lock:
            return list(self._acknowledged)

    def launch(self, program: Callable[..., int], parameter: int = 0, **changes: Any) -> str | None:
        """Create a run for a scripted trainer; its id, or None where that was not acknowledged."""
        payload = TINY_RUN | {"seed": seed_of(program, parameter)} | changes
        status, answer = self.send("POST", "/runs", {"config": payload})
        if status != 201:
            return None
        uid = str(answer["id"])
        self._note("create", uid)
        return uid

    def act(self, action: str, uid: str) -> int:
        """Cancel, resume, retry, delete or purge; the status answered, 0 for none."""
        if action in ("delete", "purge"):
            folder = "runs" if action == "delete" else "trash"
            status, answer = self.send("DELETE", f"/{folder}/{uid}")
        else:
            status, answer = self.send("POST", f"/runs/{uid}/{action}")
        if 200 <= status < 300:
            self._note(action, uid)
            other = answer.get("id") if isinstance(answer, dict) else None
            if other and other != uid:
                self._note("create", str(other))
        return status

    def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON of the answer; 0 and None where none came."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read()
        except OSError:
            status, text = 0, b""
        with self._lock:
            self.answers[status] = self.answers.get(status, 0) + 1
        try:
            return status, json.loads(text)
        except ValueError:
            return status, None

    def _note(self, action: str, uid: str) -> None:
        with self._lock:
            self._acknowledged.append(Acknowledged(action, uid))

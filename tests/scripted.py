"""A run whose events are written as a worker's supervisor writes them, on the word of a test.

``ScriptedRun(product)`` starts a process of its own in the product's environment; each call is one
JSON line to it and one back. The run is held by a worker of another host, so that nobody here takes
it for lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any

from launcher.checkout import ROOT
from launcher.product import Product

WRITE = "from tests.scripted_writer import obey_all; obey_all()"


class ScriptedRun:
    """A running run of a product; ``uid`` is its public id."""

    def __init__(self, product: Product) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--no-imports", "--command", WRITE],
            cwd=ROOT,
            env=product.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.uid: str = self._hear()
        self.url = f"{product.url}/runs/{self.uid}"
        self.stream = f"{self.url.replace('http', 'ws', 1)}/stream"

    def __enter__(self) -> ScriptedRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(20)

    def say(self, lines: list[str]) -> int:
        """Console lines, in one batch; returns the run's newest ``seq``."""
        return self._ask(do="say", lines=lines)

    def steps(self, first: int, last: int, loss: float | str = 0.5, epoch: int = 0) -> int:
        """Training losses of steps, each a little lower; with an epoch the last is a validation."""
        return self._ask(do="steps", first=first, last=last, loss=loss, epoch=epoch)

    def go_back(self, step: int) -> int:
        """Another attempt begins after this step."""
        return self._ask(do="back", step=step)

    def fill(self, count: int, spike: int) -> int:
        """So many steps at once, not told to anybody; the loss of one of them is 9."""
        return self._ask(do="fill", count=count, spike=spike)

    def complete(self) -> int:
        """The run ends well."""
        return self._ask(do="complete")

    def _ask(self, **order: Any) -> int:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._hear())

    def _hear(self) -> str:
        assert self._process.stdout
        answer = self._process.stdout.readline().strip()
        assert answer, "the scripted run's process has ended"
        return answer

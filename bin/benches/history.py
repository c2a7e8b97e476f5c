"""A run's history for a chart of 2,000 pixels, at 100,000 and 1,000,000 points.

The runs are stored by the worker's own recorder. Timed is the whole answer of the JSON route in
this process, from the address to its bytes, without the network: the whole curve, a tenth of it and
a hundredth. Beside it stands what reading every row takes, which is what an answer without blocks
would begin with. A spike that was put in must be in every answer.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from benches._place import ask, prepare
from launcher.figures import Figure

WINDOWS = {"whole": "2,000 pixels", "tenth": "a tenth", "hundredth": "a hundredth"}
SIZES = {100_000: 30.0, 1_000_000: 60.0}
"""Points, and the milliseconds that an answer may take."""


def measure() -> list[Figure]:
    """The best of fifteen, since other work only slows it down, and the size of the blocks."""
    found = []
    with tempfile.TemporaryDirectory(prefix="aistempre-bench-") as base:
        environ = prepare(Path(base))
        for points, budget in SIZES.items():
            times = _reader(environ, points)
            for name, label in WINDOWS.items():
                found.append(Figure(f"{points:,} points: {label}", times[name], "ms", budget))
            found.append(Figure("  reference: all rows read", times["rows"], "ms"))
            found.append(Figure("  blocks, share of the events' bytes", times["share"], "%"))
    return found


def _reader(environ: dict[str, str], points: int) -> dict[str, float]:
    answer: dict[str, float] = json.loads(ask(environ, "_history_reader", str(points)))
    return answer

"""The cases; importing this registers all of them."""

from tests.faults.cases import broker, checkpoints, deaths, pauses, races, stores, streams
from tests.faults.cases.registry import CASES, Case, Scene

__all__ = [
    "CASES", "Case", "Scene", "broker", "checkpoints", "deaths", "pauses", "races", "stores",
    "streams",
]  # fmt: skip

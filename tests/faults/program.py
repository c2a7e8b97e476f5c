"""Carries the cases and the walk of one order out, with the checker after each."""

from __future__ import annotations

import random
import time
import traceback
from collections import Counter
from collections.abc import Callable

from runs_app.models import TrainingRun
from tests.faults.cases import CASES, Scene
from tests.faults.checker import Checker
from tests.faults.laboratory import Laboratory
from tests.faults.order import WALK, Order, Verdict
from tests.faults.runs import cancel_all
from tests.faults.waiting import FaultAbsent, ask
from tests.faults.walk import Walk


def carry_out(laboratory: Laboratory, order: Order) -> list[Verdict]:
    """The verdict on each case and on the walk, printed as they come."""
    checker = Checker(laboratory)
    verdicts = []
    for name in _names(order):
        scene = Scene(laboratory, random.Random(f"{order.seed} {name}"), order.full)
        function = CASES[name].function
        verdicts.append(
            _judged(name, lambda f=function, s=scene: f(s), laboratory, checker)  # type: ignore[misc]
        )
    if order.walk_seconds:
        walk = Walk(laboratory, order.seed)
        verdict = _judged(WALK, lambda: walk.go(order.walk_seconds), laboratory, checker)
        verdicts.append(verdict)
        _print_walk(walk, order)
    tally = checker.tally
    print(
        f"Events emitted {tally.emitted:,}, stored {tally.stored:,}, lost {tally.lost}", flush=True
    )
    if tally.lost:
        verdicts.append(Verdict("events", 0.0, [f"{tally.lost} events lost"]))
    return verdicts


def _names(order: Order) -> list[str]:
    known = [name for name, case in CASES.items() if order.database in case.databases]
    return [name for name in order.cases or known if name in known and name != WALK]


def _judged(
    name: str, work: Callable[[], object], laboratory: Laboratory, checker: Checker
) -> Verdict:
    began = time.monotonic()
    faults = []
    try:
        work()
    except FaultAbsent as absent:
        faults.append(f"the fault did not take place: {absent}")
    except AssertionError as wrong:
        faults.append(str(wrong))
    except Exception as error:  # noqa: BLE001 - one case that breaks must not hide the others
        traceback.print_exc()
        faults.append(f"{type(error).__name__}: {error}")
    try:
        laboratory.wait_until_up()
        cancel_all(laboratory)
        faults += [str(violation) for violation in checker.check()]
    except Exception as error:  # noqa: BLE001 - as above
        traceback.print_exc()
        faults.append(f"it does not come to rest: {type(error).__name__}: {error}")
    seconds = time.monotonic() - began
    print(f"{'ok    ' if not faults else 'FAILED'} {name} ({seconds:.0f} s)", flush=True)
    for fault in faults:
        print(f"       {fault}", flush=True)
    return Verdict(name, seconds, faults)


def _print_walk(walk: Walk, order: Order) -> None:
    print(f"\nWalk on {order.database}, seed {order.seed}, {order.walk_seconds:.0f} s")
    print("  faults survived:", _counts(walk.faults))
    print("  actions:", _counts(walk.actions))
    runs = ask(lambda: list(TrainingRun.objects.values_list("status", "reason")))
    print("  runs by end:", _counts(Counter(f"{status}/{reason}" for status, reason in runs)))


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items())) or "none"

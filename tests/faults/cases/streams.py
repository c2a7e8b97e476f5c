"""Logs and viewers: a flood, cuts, odd bytes and values (AC-26, AC-32, AC-33)."""

from __future__ import annotations

import json
import time
import urllib.request
import zlib
from collections.abc import Iterator

from runs_app.choices import EventKind, RunStatus
from tests.faults import trainers
from tests.faults.cases.registry import Scene, case
from tests.faults.output import console_lines
from tests.faults.runs import ended, expect, expect_status, launched, run_of
from tests.faults.viewer import Viewer
from tests.faults.waiting import prove


@case()
def log_flood(scene: Scene) -> None:
    """10^6 lines at full speed, or 10^5 in the short form, with a viewer, beside another run."""
    lab = scene.laboratory
    units = scene.often(100, 10)
    uid = launched(lab, trainers.flood, units)
    viewer = Viewer(lab.product.url, uid).start()
    other = launched(lab, trainers.short, 3)
    expect_status([other], RunStatus.COMPLETED)
    run = ended(uid, 300)
    viewer.stop(300)
    expect(run.status == RunStatus.COMPLETED, f"run {uid}: {run.message}")
    lines = len(console_lines(run.events.filter(kind=EventKind.LOG).iterator()))
    expect(lines >= 10_000 * units, f"{lines} lines of {10_000 * units} are stored")
    _expect_seen(viewer, uid)


@case()
def endless_line(scene: Scene) -> None:
    """One line of 50 MB without an end, with a viewer."""
    lab = scene.laboratory
    megabytes = scene.often(50, 5)
    uid = launched(lab, trainers.endless, megabytes)
    viewer = Viewer(lab.product.url, uid).start()
    run = ended(uid)
    viewer.stop()
    expect(run.status == RunStatus.COMPLETED, f"run {uid}: {run.message}")
    lines = console_lines(run.events.filter(kind=EventKind.LOG).iterator())
    stored = sum(len(text) for _, text in lines)
    expect(stored == 1_000_000 * megabytes, f"{stored} characters are stored")
    expect(all(len(text) <= 65_536 for _, text in lines), "a stored line is longer")
    _expect_seen(viewer, uid)


@case()
def viewer_cut(scene: Scene) -> None:
    """A viewer is cut off fifty times at random moments; its numbers are dense, its text whole."""
    lab = scene.laboratory
    uid = launched(lab, trainers.steady)
    viewer = Viewer(lab.product.url, uid).start()
    cuts = scene.often(50, 12)
    for _ in range(cuts):
        time.sleep(scene.dice.uniform(0.05, 0.5))
        viewer.cut()
    lab.user.act("cancel", uid)
    ended(uid)
    viewer.stop()
    prove(viewer.connections > cuts // 2, f"only {viewer.connections} connections")
    _expect_seen(viewer, uid)


def _expect_seen(viewer: Viewer, uid: str) -> None:
    run = run_of(uid)
    expect(viewer.over, f"the viewer of run {uid} was not told of its end")
    expect(viewer.seqs == list(range(1, run.last_seq + 1)), f"the viewer of run {uid} has gaps")
    stored = 0
    for event in run.events.filter(kind=EventKind.LOG).order_by("seq").iterator():
        stored = zlib.crc32(event.payload["message"].encode(), stored)
    expect(viewer.log == stored, f"the viewer of run {uid} read another text")


@case()
def odd_output(scene: Scene) -> None:
    """NaN, infinities and bytes that are not text: every door answers, in strict JSON."""
    lab = scene.laboratory
    uid = launched(lab, trainers.odd)
    expect_status([uid], RunStatus.COMPLETED)
    shown: set[object] = set()
    for path in (f"/runs/{uid}", f"/runs/{uid}/metrics", f"/runs/{uid}/logs", "/runs?limit=5"):
        for kind in ("application/json", "text/html"):
            if kind == "text/html" and path.count("/") > 2:
                continue  # a resource without a page
            request = urllib.request.Request(lab.product.url + path, headers={"Accept": kind})
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read().decode()
            if kind == "application/json":
                shown.update(_leaves(json.loads(text, parse_constant=_not_json)))
    for value in ("NaN", "Infinity", "-Infinity", 1e308, 5e-324, 2.0**53):
        expect(value in shown, f"{value} does not come back")


def _leaves(document: object) -> Iterator[object]:
    """Every text, and every number as a float: 1e308 may be written with all its zeros."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for part in document:
            yield from _leaves(part)
    else:
        yield float(document) if isinstance(document, int) else document


def _not_json(word: str) -> float:
    raise AssertionError(f"{word} is no JSON")

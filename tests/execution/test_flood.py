"""A trainer that floods its console is stopped like any other, and its last words are kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from runs_app.choices import EventKind, RunStatus
from runs_app.execution import leases, lifecycle
from runs_app.execution.trainer_process import TrainerServer
from runs_app.log_lines import entries_of
from runs_app.models import TrainingRun
from tests.execution.conftest import Background, directory
from tests.execution.test_supervisor import assert_gap_free, wait_for

CAP = 300_000


def test_a_flood_does_not_keep_the_supervisor_from_its_duties(
    make_run: Callable[..., TrainingRun], server: TrainerServer, settings: Any
) -> None:
    settings.LOG_CAP_BYTES = CAP
    settings.LEASE_SECONDS = 3
    run = make_run("endless_flood")
    background = Background(run, server)
    wait_for(lambda: TrainingRun.objects.get(pk=run.pk).console_left_out > 100_000, 30)
    first = TrainingRun.objects.get(pk=run.pk).lease_until
    wait_for(lambda: TrainingRun.objects.get(pk=run.pk).lease_until != first)
    assert leases.find_lost(leases.running()) == []

    lifecycle.request_cancel(run.pk)
    background.join()

    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert_gap_free(run)
    rows = run.events.filter(kind=EventKind.LOG).order_by("seq")
    lines = [entry for row in rows for entry in entries_of(row)]
    assert [line["line"] for line in lines] == list(range(1, len(lines) + 1))
    texts = [line["message"] for line in lines]
    (at,) = [place for place, text in enumerate(texts) if text.startswith("... ")]
    assert texts[:at] == [f"flood {number}" for number in range(at)]
    wrote = int(texts[-1].removeprefix("wrote "))
    assert texts[at + 1 : -1] == [f"flood {number}" for number in range(wrote - 19, wrote)]
    told = re.match(r"\.\.\. ([\d,]+) lines were left out \(([\d,]+) bytes\)", texts[at])
    assert told
    lost, size = (int(word.replace(",", "")) for word in told.groups())
    assert lost == wrote + 1 - at - 20
    assert size == sum(len(f"flood {number}\n") for number in range(at, wrote - 19))
    assert (directory(run) / "console.log").read_text().splitlines() == texts


def test_what_children_write_is_read_to_the_end(train: Callable[[str], TrainingRun]) -> None:
    run = train("families")
    assert run.status == RunStatus.COMPLETED
    rows = run.events.filter(kind=EventKind.LOG).order_by("seq")
    texts = [entry["message"] for row in rows for entry in entries_of(row)]
    assert texts == ["from the child", "from the grandchild"]

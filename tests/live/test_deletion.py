"""Whoever watches a run is told that it was deleted."""

from __future__ import annotations

import pytest

from runs_app import consumers
from runs_app.choices import RunStatus
from runs_app.execution import lifecycle, run_directory, trash
from runs_app.execution.leases import Claim
from runs_app.execution.lifecycle import Outcome
from runs_app.forecasting.events import Reason
from runs_app.models import TrainingRun
from runs_app.services.trash import purge_run, trash_run
from tests.live.conftest import append, attempt_of, close_code, connected, later, socket


@pytest.mark.usefixtures("runs_root")
async def test_cancel_and_delete_reaches_the_viewer_and_closes_the_stream(
    run: TrainingRun,
) -> None:
    client = await connected(run, "format=html")

    await later(trash_run)(run.uid, cancel=True)

    html = await client.receive_from(timeout=5)
    assert 'id="trash-wanted"' in html
    held = Claim(run.pk, run.uid, run.attempt, run.worker)
    outcome = Outcome(RunStatus.CANCELLED, Reason.CANCELLED, "Cancelled on request.")
    await later(lifecycle.settle)(held, outcome)
    html = await client.receive_from(timeout=5)
    assert 'id="in-trash"' in html
    assert 'data-final="yes"' in html
    assert await close_code(client) == consumers.NORMAL


@pytest.mark.usefixtures("runs_root")
async def test_the_stream_of_a_run_that_is_gone_ends(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.05)
    await later(append)(run)
    client = await connected(run)
    await client.receive_json_from(timeout=5)

    await later(_purge)(run)

    assert await close_code(client) == consumers.NORMAL
    assert await attempt_of(socket(run)) == (False, consumers.UNKNOWN_RUN)


def _purge(run: TrainingRun) -> None:
    """Delete it under its viewer: it is never seen as ended, only as gone."""
    run_directory.make(run.uid)
    TrainingRun.objects.filter(pk=run.pk).update(trashed_at="2026-01-01T00:00:00Z")
    assert trash.start_purge(run.pk) is not None
    purge_run(run.uid)

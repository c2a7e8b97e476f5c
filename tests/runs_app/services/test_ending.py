"""Cancel, resume and retry, from the services and from the admin site."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from runs_app.choices import INFRASTRUCTURE, RunStatus
from runs_app.errors import (
    RunNotCancellable,
    RunNotFound,
    RunNotResumable,
    RunNotRetryable,
    RunStillLive,
)
from runs_app.execution import lifecycle, run_directory, wakeups
from runs_app.models import TrainingRun
from runs_app.services.cancel import cancel_run
from runs_app.services.resume import resume_run
from runs_app.services.retry import retry_run
from runs_app.services.trash import trash_run
from tests.factories import (
    MOMENT,
    make_checkpoint,
    make_completed_run,
    make_config,
    make_event,
    make_run,
    make_running_run,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("runs_root", "no_broker")]


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "wake", lambda _: None)


@pytest.fixture
def finished_run() -> TrainingRun:
    """An ended run with files: 5 000 bytes and a second link to them."""
    run = make_completed_run()
    make_event(run)
    directory = run_directory.make(run.uid)
    (directory / "checkpoints").mkdir()
    (directory / "checkpoints/a.ckpt").write_bytes(b"x" * 5000)
    (directory / "checkpoints/best.ckpt").hardlink_to(directory / "checkpoints/a.ckpt")
    return run


def test_cancel_a_waiting_run() -> None:
    run = cancel_run(make_run().uid)

    assert (run.status, run.reason) == (RunStatus.CANCELLED, "cancelled")


def test_cancel_a_running_run_asks_it() -> None:
    run = cancel_run(make_running_run().uid)

    assert run.status == RunStatus.RUNNING
    assert run.cancel_requested_at is not None


def test_cancel_what_has_ended_or_never_was() -> None:
    with pytest.raises(RunNotCancellable, match="it is completed"):
        cancel_run(make_completed_run().uid)
    with pytest.raises(RunNotFound):
        cancel_run("nosuchrun")


@pytest.mark.parametrize("reason", sorted(INFRASTRUCTURE))
def test_retry_is_the_same_run_once_more(reason: str) -> None:
    fresh = make_completed_run(status=RunStatus.FAILED, reason=reason, losses=3)
    begun = stopped_run(status=RunStatus.FAILED, reason=reason)
    for run, how in ((fresh, "to start over."), (begun, "to go on from step 120.")):
        again = retry_run(run.uid)

        assert (again.pk, again.status, again.attempt) == (run.pk, RunStatus.PENDING, 1)
        assert (again.reason, again.message, again.losses) == ("", "", 0)
        newest = again.events.last()
        assert newest is not None
        assert newest.payload["message"] == f"Waiting for a free slot, {how}"
    assert TrainingRun.objects.count() == 2


def test_what_cannot_be_retried_says_which_button_fits() -> None:
    cases = {
        "is running, so there is nothing to retry yet. Use Clone": make_running_run(),
        "is completed; Retry is for .* Use Clone": make_completed_run(),
        "is cancelled; Retry is for .* Use Resume": stopped_run(),
        "failed by itself .* Use Clone": make_completed_run(status="failed", reason="config"),
        "failed by itself .* Use Resume": stopped_run(status="failed", reason="bug"),
        "is in the trash; restore it first": make_completed_run(
            status="failed", reason="killed", trashed_at=MOMENT
        ),
    }
    for sentence, run in cases.items():
        with pytest.raises(RunNotRetryable, match=sentence):
            retry_run(run.uid)
        assert TrainingRun.objects.get(pk=run.pk).status == run.status


def test_a_live_run_is_not_deleted() -> None:
    run = make_running_run()
    with pytest.raises(RunStillLive):
        trash_run(run.uid)
    assert TrainingRun.objects.filter(pk=run.pk).exists()


def test_a_second_cancel_asks_for_the_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_running_run()
    assert cancel_run(run.uid).kill_requested_at is None
    assert cancel_run(run.uid).kill_requested_at is None, "a double click is one"
    monkeypatch.setattr(lifecycle, "DOUBLE_CLICK_SECONDS", 0.0)

    assert cancel_run(run.uid).kill_requested_at is not None


def stopped_run(**fields: Any) -> TrainingRun:
    """A cancelled run with a checkpoint after step 120."""
    run = make_completed_run(**{"status": RunStatus.CANCELLED, "reason": "cancelled"} | fields)
    make_checkpoint(run, step=80, path="checkpoints/checkpoint-epoch1.ckpt")
    make_checkpoint(run, step=120, path="checkpoints/last.ckpt")
    return run


def test_resume_is_the_same_run_waiting_again() -> None:
    run = stopped_run(attempt=1, worker="worker-1", message="Cancelled.")

    resumed = resume_run(run.uid)

    assert (resumed.pk, resumed.status, resumed.attempt) == (run.pk, RunStatus.PENDING, 1)
    assert (resumed.reason, resumed.message, resumed.finished_at) == ("", "", None)
    newest = resumed.events.last()
    assert newest is not None
    assert newest.payload["message"] == "Waiting for a free slot, to go on from step 120."
    with pytest.raises(RunNotResumable, match="it goes on by itself"):
        resume_run(run.uid)


def test_what_cannot_be_resumed_says_what_to_do() -> None:
    cases = {
        "goes on by itself": make_running_run(),
        "nothing left to train. Use Clone": make_completed_run(),
        "before its first checkpoint. Use Retry": make_completed_run(
            status=RunStatus.FAILED, reason="killed"
        ),
        "a lower learning rate. Use Clone": stopped_run(
            status=RunStatus.FAILED, reason="non_finite"
        ),
        "is in the trash; restore it first": stopped_run(trashed_at=MOMENT),
    }
    for sentence, run in cases.items():
        with pytest.raises(RunNotResumable, match=sentence):
            resume_run(run.uid)
        assert TrainingRun.objects.get(pk=run.pk).status == run.status
    with pytest.raises(RunNotFound):
        resume_run("nosuchrun")


def act(client: Client, action: str, *runs: TrainingRun) -> list[str]:
    """Run an action of the admin's run list; the messages it showed."""
    data = {"action": action, "_selected_action": [run.pk for run in runs]}
    response = client.post(reverse("admin:runs_app_trainingrun_changelist"), data, follow=True)
    assert response.status_code == 200
    return [str(message) for message in response.context["messages"]]


@pytest.mark.usefixtures("candles")
def test_admin_actions(client: Client, finished_run: TrainingRun) -> None:
    waiting = make_run()

    assert act(client, "cancel", waiting, finished_run) == [
        f"{waiting.uid}: cancelled.",
        f"{finished_run.uid}: Run {finished_run.uid} has ended already: it is completed.",
    ]
    waiting.refresh_from_db()
    assert waiting.status == RunStatus.CANCELLED
    (told,) = act(client, "retry", finished_run)
    assert "Use Clone" in told
    broken = make_completed_run(status=RunStatus.FAILED, reason="worker_lost")
    assert act(client, "retry", broken) == [f"{broken.uid}: waits to be tried again."]
    config = make_config(data={"source": "BTCUSDT_1m.csv"}).model_dump(mode="json")
    TrainingRun.objects.filter(pk=finished_run.pk).update(config=config)
    make_checkpoint(finished_run, path="checkpoints/a.ckpt", sha256=sha256(b"x" * 5000).hexdigest())
    (told,) = act(client, "clone", finished_run)
    assert f"cloned as {TrainingRun.objects.get(kinship='clone').uid}" in told
    (told,) = act(client, "branch", finished_run)
    assert f"branched as {TrainingRun.objects.get(kinship='branch').uid}, a (step 100)" in told
    assert act(client, "trash", finished_run) == [f"{finished_run.uid}: moved to the trash."]
    assert act(client, "restore", finished_run) == [f"{finished_run.uid}: restored."]
    (told,) = act(client, "purge", finished_run)
    assert (
        told == f"{finished_run.uid}: Run {finished_run.uid} is not in the trash. Delete it first."
    )
    act(client, "trash", finished_run)
    (told,) = act(client, "purge", finished_run)
    assert "freed" in told
    assert not TrainingRun.objects.filter(pk=finished_run.pk).exists()


def test_admin_kills_and_pins(
    client: Client, finished_run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "DOUBLE_CLICK_SECONDS", 0.0)
    running = make_running_run()
    assert act(client, "cancel", running) == [f"{running.uid}: stops when it has saved."]
    assert act(client, "cancel", running) == [f"{running.uid}: is killed."]
    row = make_checkpoint(finished_run, path="checkpoints/checkpoint-epoch1.ckpt")
    file = run_directory.path_of(finished_run.uid) / row.path
    file.write_bytes(b"x")
    address = reverse("admin:runs_app_checkpoint_changelist")
    for action, pinned in (("pin", True), ("unpin", False)):
        page = client.post(address, {"action": action, "_selected_action": [row.pk]}, follow=True)
        (told,) = page.context["messages"]
        row.refresh_from_db()
        assert row.pinned is pinned, told
    file.unlink()
    page = client.post(address, {"action": "pin", "_selected_action": [row.pk]}, follow=True)
    assert "was removed a moment ago" in str(*page.context["messages"])


@pytest.mark.parametrize("model", ["trainingrun", "runevent", "checkpoint", "artifact", "dataset"])
def test_admin_lists_open(client: Client, finished_run: TrainingRun, model: str) -> None:
    assert client.get(reverse(f"admin:runs_app_{model}_changelist")).status_code == 200


def test_admin_shows_a_run_and_nobody_edits_its_state(
    client: Client, finished_run: TrainingRun
) -> None:
    address = reverse("admin:runs_app_trainingrun_change", args=[finished_run.pk])

    assert client.get(address).status_code == 200
    client.post(address, {"status": "failed"})
    status = finished_run.status
    finished_run.refresh_from_db()
    assert finished_run.status == status
    event = finished_run.events.get()
    address = reverse("admin:runs_app_runevent_delete", args=[event.pk])
    assert client.post(address, {"post": "yes"}).status_code == 403


def test_the_operator_is_signed_in_on_this_machine_only(client: Client) -> None:
    admin = reverse("admin:index")

    assert client.get(admin).status_code == 200
    assert client.get(admin, REMOTE_ADDR="192.0.2.7").status_code == 302
    assert client.get(admin, headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 302
    operator = User.objects.get()
    assert operator.username == "operator"
    assert not operator.has_usable_password()


def test_run_files_stay_private(runs_root: Path) -> None:
    new = lifecycle.create_run(make_config(), {})

    assert (runs_root / new.uid).stat().st_mode & 0o077 == 0

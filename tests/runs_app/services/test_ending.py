"""Cancel and retry, from the services and from the admin site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from runs_app.choices import RunStatus
from runs_app.errors import RunNotCancellable, RunNotFound, RunNotResumable, RunStillLive
from runs_app.execution import run_directory, wakeups
from runs_app.models import TrainingRun
from runs_app.services.cancel import cancel_run
from runs_app.services.resume import resume_run
from runs_app.services.retry import retry_run
from runs_app.services.trash import trash_run
from tests.factories import (
    make_checkpoint,
    make_completed_run,
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


def test_retry_is_a_new_run_with_the_same_configuration() -> None:
    old = make_completed_run(name="mine")

    new = retry_run(old.uid)

    assert (new.status, new.name, new.attempt) == (RunStatus.PENDING, "mine", 0)
    assert new.uid != old.uid
    assert new.config == old.config
    assert (run_directory.path_of(new.uid) / "config.yaml").is_file()


def test_a_live_run_is_neither_retried_nor_deleted() -> None:
    run = make_running_run()
    for service in (retry_run, trash_run):
        with pytest.raises(RunStillLive):
            service(run.uid)
    assert TrainingRun.objects.filter(pk=run.pk).exists()


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
        "nothing left to train": make_completed_run(),
        "before its first checkpoint": make_completed_run(status=RunStatus.FAILED, reason="killed"),
        "with a lower learning rate": stopped_run(status=RunStatus.FAILED, reason="non_finite"),
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


def test_admin_actions(client: Client, finished_run: TrainingRun) -> None:
    waiting = make_run()

    assert act(client, "cancel", waiting, finished_run) == [
        f"{waiting.uid}: cancelled or stopping.",
        f"{finished_run.uid}: Run {finished_run.uid} has ended already: it is completed.",
    ]
    waiting.refresh_from_db()
    assert waiting.status == RunStatus.CANCELLED
    (told,) = act(client, "retry", finished_run)
    assert "started again as" in told
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


@pytest.mark.parametrize("model", ["trainingrun", "runevent", "checkpoint", "artifact", "dataset"])
def test_admin_lists_open(client: Client, finished_run: TrainingRun, model: str) -> None:
    assert client.get(reverse(f"admin:runs_app_{model}_changelist")).status_code == 200


def test_admin_shows_a_run_and_nobody_edits_it(client: Client, finished_run: TrainingRun) -> None:
    address = reverse("admin:runs_app_trainingrun_change", args=[finished_run.pk])

    assert client.get(address).status_code == 200
    assert client.post(address, {"status": "failed"}).status_code == 403
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
    new = retry_run(make_completed_run().uid)

    assert (runs_root / new.uid).stat().st_mode & 0o077 == 0

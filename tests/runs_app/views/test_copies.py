"""The four buttons of a run's page, the builder they open, and what the page says about them."""

from __future__ import annotations

import hashlib
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from runs_app.choices import EventKind, RunStatus
from runs_app.forecasting.events import INIT_FILE
from runs_app.models import TrainingRun
from tests.factories import make_checkpoint, make_completed_run, make_config, make_event
from tests.runs_app.views.test_builder import _inputs

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("candles", "runs_root")]

EPOCH = "checkpoints/checkpoint-epoch3.ckpt"


@pytest.fixture
def run(runs_root: Path) -> TrainingRun:
    """A completed run with settings that no preset has, and the checkpoint of an epoch."""
    config = make_config(
        data={"source": "BTCUSDT_1m.csv", "start": "2024-01-02T03:04:05Z", "end": "2024-02-01"},
        train={"learning_rate": 0.000123456789, "stall_minutes": 3.5, "accumulation": 4},
        features={"calendar": False, "indicators": ["rsi"]},
        horizons={"long": "1d"},
    ).model_dump(mode="json")
    made = make_completed_run(name="mine", config=config)
    file = runs_root / made.uid / EPOCH
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    make_checkpoint(made, 3, sha256=digest, step=1200, is_best=True)
    return made


def press(browser: Client, run: TrainingRun, button: str, **fields: str) -> Any:
    return browser.post(f"/runs/{run.uid}/{button}", fields)


def walk(browser: Client, address: str, **changes: str) -> Any:
    """Send every step as the browser shows it, and start; the answer to the start."""
    draft = address.partition("?")[2]
    for step in ("data", "features", "horizons", "model", "loss"):
        page = browser.get(f"/runs/new/{step}?{draft}").content.decode()
        found = {
            name: unescape(v) if isinstance(v, str) else v for name, v in _inputs(page).items()
        }
        found |= {name: value for name, value in changes.items() if name in found}
        answer = browser.post(f"/runs/new/{step}?{draft}", {**found, "go": "next"})
        assert answer.status_code == 302, step
    page = browser.get(f"/runs/new/train?{draft}").content.decode()
    overrides = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.S)[0]
    sent = {**_inputs(page), "overrides": unescape(overrides), "go": "start"}
    return browser.post(f"/runs/new/train?{draft}", sent)


def newest() -> TrainingRun:
    return TrainingRun.objects.order_by("-pk")[0]


def test_clone_opens_the_builder_with_every_value_as_it_is(
    browser: Client, run: TrainingRun
) -> None:
    answer = press(browser, run, "clone")
    assert answer.headers["Location"].startswith("/runs/new/train?draft=")
    page = browser.get(answer.headers["Location"]).content.decode()
    assert f'The form of <a href="/runs/{run.uid}">mine</a>' in page
    assert 'value="copy of mine"' in page
    assert TrainingRun.objects.count() == 1, "nothing starts before a person says so"

    walk(browser, answer.headers["Location"])

    assert newest() != run
    assert newest().config == run.config, "no value was lost or rounded on its way"
    assert (newest().parent, newest().kinship) == (run, "clone")
    assert newest().name == "copy of mine"


def test_the_field_that_failed_is_marked_until_it_is_changed(
    browser: Client, run: TrainingRun
) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(status="failed", reason="config")
    at_fault = {"model.heads": "Must divide <it>.", "train.accumulation": "Too many."}
    make_event(run, EventKind.STATUS, status="failed", fields=at_fault)
    answer = press(browser, run, "clone")
    address = answer.headers["Location"]
    assert address.startswith("/runs/new/model?draft=")
    page = browser.get(address).content.decode()
    assert f"Run {run.uid} failed here: Must divide &lt;it&gt;." in page
    assert 'id="model-heads-error"' in page
    fields = _inputs(page)
    unchanged = browser.post(address, {**fields, "go": "next"})
    assert "/runs/new/loss" in unchanged.headers["Location"], "a mark does not hold anybody up"
    assert 'id="model-heads-error"' in browser.get(address).content.decode()
    browser.post(address, {**fields, "model-heads": "2", "go": "next"})
    assert 'id="model-heads-error"' not in browser.get(address).content.decode()


def test_branch_opens_the_builder_and_starts_from_the_weights(
    browser: Client, run: TrainingRun, runs_root: Path
) -> None:
    answer = press(browser, run, "branch", checkpoint=EPOCH)
    address = answer.headers["Location"]
    page = browser.get(address).content.decode()
    assert "starts from the weights of" in page
    assert "checkpoint-epoch3 (step 1,200)" in page

    walk(browser, address)

    assert newest().config == run.config
    assert (newest().parent, newest().kinship) == (run, "branch")
    assert (runs_root / newest().uid / INIT_FILE).read_bytes() == b"weights"
    page = browser.get(f"/runs/{newest().uid}").content.decode()
    assert f'branched from <a href="/runs/{run.uid}">mine</a>, checkpoint-epoch3' in page
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert f'<a href="/runs/{newest().uid}">branch of mine</a> (branch)' in page


def test_a_branch_of_another_shape_is_refused_at_its_field(
    browser: Client, run: TrainingRun
) -> None:
    address = press(browser, run, "branch").headers["Location"]
    model = address.replace("/train?", "/model?")
    fields = _inputs(browser.get(model).content.decode())
    answer = browser.post(model, {**fields, "model-d_model": "32", "go": "next"})
    assert "/runs/new/model" in answer.headers["Location"]
    assert "Must stay 64 in a branch" in browser.get(model).content.decode()
    train = _inputs(browser.get(address).content.decode())
    browser.post(model, {**fields, "go": "next"})
    browser.post(address, {**train, "seeds": "2", "go": "start"})
    assert "a branch is a single run" in browser.get(address).content.decode()
    assert TrainingRun.objects.count() == 1


def test_a_parent_that_was_deleted_meanwhile(browser: Client, run: TrainingRun) -> None:
    clone = press(browser, run, "clone").headers["Location"]
    branch = press(browser, run, "branch").headers["Location"]
    TrainingRun.objects.all().delete()
    page = browser.get(branch).content.decode()
    assert "was deleted meanwhile" in page
    answer = walk(browser, branch)
    page = browser.get(answer.headers["Location"]).content.decode()
    assert "There is no run" in page
    assert not TrainingRun.objects.exists()
    walk(browser, clone)
    assert (newest().parent, newest().kinship) == (None, "")


def test_refusals_stand_on_the_page(browser: Client, run: TrainingRun) -> None:
    page = browser.post(f"/runs/{run.uid}/retry", follow=True).content.decode()
    assert "Use Clone, which starts a new run with the same settings." in page
    run.checkpoints.all().delete()
    page = browser.post(f"/runs/{run.uid}/branch", follow=True).content.decode()
    assert "has no checkpoint to branch from. Use Clone" in page
    for button in ("resume", "retry", "branch", "clone", "checkpoints/best/pin"):
        assert browser.post(f"/runs/nosuchrun/{button}").status_code == 404
        assert browser.get(f"/runs/{run.uid}/{button}").status_code == 405


def out_of_memory(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(
        status="failed", reason="out_of_memory", message="The memory of the GPU is not enough."
    )


def test_one_click_after_memory_ran_out(browser: Client, run: TrainingRun) -> None:
    out_of_memory(run)
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert "Clone with batch 32 × 8" in page
    assert "batch size 64 → <strong>32</strong>" in page
    assert "accumulation (passes) 4 → <strong>8</strong>" in page
    answer = press(browser, run, "clone", suggested="yes", go="start")
    assert answer.headers["Location"] == f"/runs/{newest().uid}"
    assert newest().config["train"] == run.config["train"] | {"batch_size": 32, "accumulation": 8}
    made = newest()

    answer = press(browser, run, "clone", suggested="yes")
    assert newest() == made
    walk(browser, answer.headers["Location"])
    assert newest() != made
    assert newest().config == made.config


def test_a_batch_of_one_has_no_such_button(browser: Client, run: TrainingRun) -> None:
    out_of_memory(run)
    run.config["train"]["batch_size"] = 1
    TrainingRun.objects.filter(pk=run.pk).update(config=run.config)
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert "Clone with batch" not in page
    assert "smaller batch, context or network" in page


def test_the_buttons_of_each_end(browser: Client, run: TrainingRun) -> None:
    ends = {
        ("failed", "worker_lost"): ("retry", "See that the machine and its worker are well"),
        ("failed", "stalled"): ("retry", "train.stall_minutes"),
        ("failed", "bug"): ("resume", "Report it together with its config.yaml"),
        ("failed", "non_finite"): ("clone", "a lower learning rate"),
        ("cancelled", "cancelled"): ("resume", "goes on from its newest checkpoint"),
    }
    for (status, reason), (first, advice) in ends.items():
        TrainingRun.objects.filter(pk=run.pk).update(status=status, reason=reason)
        page = browser.get(f"/runs/{run.uid}").content.decode()
        assert advice in page
        primary = re.findall(r'<button class="btn btn-primary" form="(\w+)-form"', page)
        assert primary == [first], reason
        assert ('form="retry-form"' in page) is (first == "retry")


def test_cancel_becomes_kill_now(browser: Client, run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING, finished_at=None)
    assert "Kill now" not in browser.get(f"/runs/{run.uid}").content.decode()
    TrainingRun.objects.filter(pk=run.pk).update(cancel_requested_at=timezone.now())
    for address in (f"/runs/{run.uid}", "/runs"):
        page = browser.get(address).content.decode()
        assert "Kill this run now?" in page, address
    assert 'form="kill-form"' in browser.get(f"/runs/{run.uid}").content.decode()
    TrainingRun.objects.filter(pk=run.pk).update(kill_requested_at=timezone.now())
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert "Killing…" in page
    assert 'form="kill-form"' not in page


def test_an_interrupted_run_says_why_it_waits(browser: Client, run: TrainingRun) -> None:
    cause = "The worker was lost. It goes on from step 40."
    TrainingRun.objects.filter(pk=run.pk).update(
        status="pending", reason="", message=cause, losses=2, attempt=3
    )
    for address in (f"/runs/{run.uid}", "/runs"):
        page = browser.get(address).content.decode()
        assert f"Interrupted (2 of 3): {cause}" in page, address
        assert "running for" not in page, address
        assert "attempt 3" in page, address


def test_pin_with_and_without_htmx(browser: Client, run: TrainingRun, runs_root: Path) -> None:
    address = f"/runs/{run.uid}/checkpoints/checkpoint-epoch3.ckpt"
    panel = browser.post(f"{address}/pin", headers={"hx-request": "true"}).content.decode()
    assert panel.strip().startswith('<div class="card h-100" id="panel-checkpoints"')
    assert "pinned</span>" in panel
    answer = browser.post(f"{address}/unpin")
    assert answer.headers["Location"] == f"/runs/{run.uid}#panel-checkpoints"
    assert not run.checkpoints.get().pinned
    (runs_root / run.uid / EPOCH).unlink()
    panel = browser.post(f"{address}/pin", headers={"hx-request": "true"}).content.decode()
    assert "was removed a moment ago" in panel
    page = browser.post(f"{address}/pin", follow=True).content.decode()
    assert "was removed a moment ago" in page

"""The dashboard: first paint, live fragments, buttons, and the words for what went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from runs_app.choices import ArtifactKind, EventKind, RunStatus
from runs_app.live.fragments import render_update
from runs_app.live.payloads import StreamMessage
from runs_app.live.updates import Update, read_update
from runs_app.log_lines import FIRST_LINES, LOG_LINES, Log, LogLine, newest
from runs_app.models import Artifact, Checkpoint, RunEvent, TrainingRun
from tests.factories import make_checkpoint
from tests.runs_app.views.conftest import MakeRun

pytestmark = pytest.mark.django_db

AddEvents = Callable[..., list[RunEvent]]
PANELS = ("metrics", "baselines", "system", "checkpoints", "artifacts")


BASELINES = {
    "random_walk": {"val_nll": -5.1, "val_crps": 0.0006, "val_pinball": None, "val_rmse": 0.0013},
    "garch": {"val_nll": -5.4, "val_crps": 0.0005, "val_pinball": None, "val_rmse": 0.0012},
}


def test_an_unknown_run_is_404_in_words(browser: Client) -> None:
    answer = browser.get("/runs/nosuchrun")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


@pytest.mark.parametrize("status", RunStatus)
def test_every_state_has_its_badge_and_buttons(
    browser: Client, make_run: MakeRun, status: RunStatus
) -> None:
    run = make_run(status=status)
    page = browser.get(f"/runs/{run.uid}").content.decode()
    colour = {"running": "blue", "completed": "green", "failed": "red", "cancelled": "yellow"}
    assert f'status-{colour.get(status, "secondary")}" data-run-status="{status}"' in page
    assert ("data-cancel" in page) is run.is_live
    assert 'form="delete-form"' in page
    assert ("Cancel and delete" in page) is run.is_live


def test_a_completed_run_says_how_it_ended(browser: Client, make_run: MakeRun) -> None:
    sentence = "Stopped early after 11 epochs; the best was epoch 3."
    run = make_run(status=RunStatus.COMPLETED, reason="completed", message=sentence)
    assert sentence in browser.get(f"/runs/{run.uid}").content.decode()


def test_numbers_have_units(browser: Client, make_run: MakeRun) -> None:
    metrics = {
        "val_da": 0.5123, "val_rmse": 0.00123456, "val_nll": -5.0, "val_crps": 0.00051234,
        "learning_rate": 2e-4, "eta_seconds": 90,
        "gpu_note": "No GPU was found.", "cpu_percent": 150.0,
    }  # fmt: skip
    run = make_run(status=RunStatus.RUNNING, epoch=3, step=1200, train_loss=0.5, metrics=metrics)
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert "51.2</span><small> %" in page
    assert 'data-metric="val_rmse">12.35</span><small> bp' in page
    assert 'data-metric="val_nll">−5.000</span><small> nats' in page
    assert 'data-metric="val_crps">5.123</span><small> bp' in page
    assert "2.00e−4" in page
    assert 'title="1.5 minutes">1 min 30 s</span>' in page
    assert "No GPU was found." in page
    assert "1,200" in page


@pytest.mark.parametrize("metrics", [{}, {"ram_mb": 900.0, "gpu_memory_mb": 480.0}])
def test_that_the_machine_was_never_read_is_said_only_then(
    metrics: dict[str, float], browser: Client, make_run: MakeRun
) -> None:
    """The first second has no reading of the CPU, but of everything else."""
    run = make_run(status=RunStatus.FAILED, reason="out_of_memory", metrics=metrics)
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert ("ended before a reading was taken" in page) is (not metrics)


def test_values_that_are_not_finite_are_shown_as_such(browser: Client, make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.RUNNING, metrics={"val_nll": "NaN", "val_rmse": "Infinity"})
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert 'data-metric="val_nll">NaN' in page
    assert 'data-metric="val_rmse">∞' in page


def test_a_failed_run_shows_reason_and_last_lines(
    browser: Client, make_run: MakeRun, add_events: AddEvents
) -> None:
    run = make_run(
        status=RunStatus.FAILED, reason="out_of_memory", message="Use a smaller batch size."
    )
    add_events(run, *[(EventKind.LOG, {"line": n, "message": f"line {n}"}) for n in range(40)])
    page = browser.get(f"/runs/{run.uid}").content.decode()
    alert = page[page.index("The run failed") : page.index("Training metrics")]
    assert "out of memory" in alert
    assert "Use a smaller batch size." in alert
    assert "line 39" in alert
    assert "line 20" not in alert


def test_the_queue_position_of_a_pending_run(browser: Client, make_run: MakeRun) -> None:
    make_run("first")
    second = make_run("second")
    assert "Number 2 in the queue" in browser.get(f"/runs/{second.uid}").content.decode()


def test_live_html_equals_a_fresh_page(
    browser: Client, make_run: MakeRun, add_events: AddEvents
) -> None:
    run = make_run(status=RunStatus.RUNNING, attempt=1)
    before = run.last_seq
    add_events(
        run,
        (EventKind.STATUS, {"status": "running"}),
        (EventKind.METRICS, {"baselines": BASELINES}),
        (EventKind.METRICS, {"epoch": 1, "step": 10, "train_loss": 1.5}),
        (EventKind.METRICS, {"epoch": 1, "step": 20, "train_loss": 1.4, "val_loss": 1.3}),
        (EventKind.LOG, {"line": 1, "count": 1, "message": "<b>hello</b>"}),
        (EventKind.SYSTEM, {"cpu_percent": 12.0}),
    )
    run.step, run.train_loss, run.metrics = 20, 1.4, {"cpu_percent": 12.0, "baselines": BASELINES}
    run.save()
    _checkpoint_of(run)
    live = render_update(run.pk, read_update(run.pk, run.uid, before))
    page = browser.get(f"/runs/{run.uid}").content.decode()
    for name in ("header", *PANELS):
        inner = re.search(
            rf'<hx-partial hx-target="#(?:panel-|run-){name}"[^>]*>(.*?)</hx-partial>', live, re.S
        )
        if name in {"checkpoints", "artifacts"} or inner:
            assert inner, name
            assert _still(inner[1]) in _still(page), name
    line = 'data-seq="5" data-place="0" data-line="1.1">&lt;b&gt;hello&lt;/b&gt;</div>'
    assert f'<div class="log-line" {line}' in live
    assert f'<div class="log-line" {line}' in page
    assert 'data-seq="6"' in live
    assert 'data-seq="6"' in page


def _still(html: str) -> str:
    """The text without what time alone changes, and without white space between tags."""
    html = re.sub(r"data-ago>[^<]*<", "data-ago><", html)
    html = re.sub(r"(data-running=[^>]*>)[^<]*<", r"\1<", html)
    return re.sub(r"\s+", " ", html).strip()


def _checkpoint_of(run: TrainingRun) -> Checkpoint:
    return Checkpoint.objects.create(
        run=run, path="checkpoints/best.ckpt", epoch=1, step=20, val_loss=1.3, size_bytes=1_234_567,
        sha256="0" * 64, is_best=True, created_at=timezone.now(),
    )  # fmt: skip


def test_the_page_names_its_charts_and_the_socket_brings_their_points(
    browser: Client, make_run: MakeRun, add_events: AddEvents
) -> None:
    metrics = {"train_loss": 5 / 7, "odd_figure": 3.0, "baselines": BASELINES}
    run = make_run(status=RunStatus.RUNNING, attempt=1, metrics=metrics)
    steps = [(EventKind.METRICS, {"epoch": 1, "step": n, "train_loss": n / 7}) for n in range(1, 5)]
    odd = {"epoch": 1, "step": 5, "train_loss": "NaN", "odd_figure": 3.0}
    machine = (EventKind.SYSTEM, {"cpu_percent": 7.5, "gpu_note": "none"})
    told = (EventKind.METRICS, {"baselines": BASELINES})
    add_events(run, told, *steps, (EventKind.METRICS, odd), machine)
    page = browser.get(f"/runs/{run.uid}").content.decode()
    facts = json.loads(re.findall(r'id="chart-facts" type="application/json">(.*?)<', page)[0])
    keys = [chart["key"] for chart in facts["charts"]]
    assert {"loss", "learning_rate", "grad_norm", "odd_figure", "cpu_percent"} <= set(keys)
    assert len(keys) == len(set(keys))
    assert all(f'id="chart-{key}"' in page for key in keys)
    assert facts["baselines"] == BASELINES
    live = browser.get(f"/runs/{run.uid}/live?after=0", headers={"hx-request": "true"})
    text = re.findall(r'data-points="([^"]*)"', live.content.decode())[0].replace("&quot;", '"')
    batch = json.loads(text)
    rows = [(seq, step, values) for seq, step, _, values in batch["points"]]
    assert rows == [
        *((n + 1, n, {"train_loss": n / 7}) for n in range(1, 5)),
        (6, 5, {"train_loss": "NaN", "odd_figure": 3.0}),
        (7, 0, {"cpu_percent": 7.5}),
    ]
    assert batch["baselines"] == BASELINES


def test_the_poll_sends_only_what_follows(
    browser: Client, make_run: MakeRun, add_events: AddEvents
) -> None:
    run = make_run(status=RunStatus.RUNNING)
    add_events(
        run, (EventKind.LOG, {"message": "line alpha"}), (EventKind.LOG, {"message": "line beta"})
    )
    answer = browser.get(f"/runs/{run.uid}/live?after=1").content.decode()
    assert "line beta" in answer
    assert "line alpha" not in answer
    assert browser.get(f"/runs/{run.uid}/live?after=2").content == b""
    assert browser.get(f"/runs/{run.uid}/live?after=x").status_code == 422


def test_nothing_is_rendered_for_a_run_that_was_deleted() -> None:
    assert render_update(404, Update(1, log=Log([LogLine(1, 1, 1, "x", "")]))) == ""


def test_the_page_holds_the_newest_lines_only(make_run: MakeRun, add_events: AddEvents) -> None:
    run = make_run()
    wrote = [
        {"line": n, "count": 3, "message": f"{n}\n{n + 1}\n{n + 2}"} for n in range(1, 2000, 3)
    ]
    add_events(run, *[(EventKind.LOG, payload) for payload in wrote])
    last = wrote[-1]["line"] + 2
    first = last - LOG_LINES + 1
    log = newest(run.pk, up_to=run.last_seq)
    assert [line.text for line in log.lines] == [str(n) for n in range(first, last + 1)]
    assert [line.line for line in log.lines] == list(range(first, last + 1))
    assert log.left_out == last - LOG_LINES


def test_a_page_begins_with_the_last_lines_of_a_long_log(
    browser: Client, make_run: MakeRun, add_events: AddEvents
) -> None:
    run = make_run()
    text = "\n".join(f"line {n}" for n in range(FIRST_LINES + 50))
    add_events(run, (EventKind.LOG, {"line": 1, "count": FIRST_LINES + 50, "message": text}))
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert page.count('class="log-line" data-seq') == FIRST_LINES
    assert "… 50 lines not shown" in page


def test_checkpoints_and_artifacts_link_to_their_files(
    browser: Client, make_run: MakeRun, runs_root: Path
) -> None:
    run = make_run(status=RunStatus.COMPLETED)
    folder = runs_root / run.uid / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "best.ckpt").write_bytes(b"weights")
    _checkpoint_of(run)
    Artifact.objects.create(
        run=run,
        path="metrics.json",
        kind=ArtifactKind.METRICS,
        size_bytes=9,
        created_at=timezone.now(),
    )
    page = browser.get(f"/runs/{run.uid}").content.decode()
    address = f"/runs/{run.uid}/artifacts/checkpoints/best.ckpt"
    assert f'href="{address}"' in page
    assert "1.23 MB" in page
    assert f'href="/runs/{run.uid}/artifacts/metrics.json"' in page
    assert browser.get(address).status_code == 200
    assert browser.get(f"/runs/{run.uid}/artifacts/../../x").status_code == 404
    listed = browser.get(f"/runs/{run.uid}/artifacts")
    assert listed.headers["Location"] == f"/runs/{run.uid}#panel-artifacts"


def test_cancel_by_htmx_answers_with_the_header(browser: Client, make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.RUNNING)
    answer = browser.post(f"/runs/{run.uid}/cancel", headers={"hx-request": "true"})
    text = answer.content.decode()
    assert text.strip().startswith('<div id="run-header"')
    assert "Cancelling…" in text


def test_cancel_of_an_ended_run_says_so(browser: Client, make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.COMPLETED)
    page = browser.post(f"/runs/{run.uid}/cancel", follow=True).content.decode()
    assert 'class="alert alert-danger"' in page


def test_delete_leads_to_the_table_and_a_live_run_stays(browser: Client, make_run: MakeRun) -> None:
    live, done = make_run(status=RunStatus.RUNNING), make_run(status=RunStatus.COMPLETED)
    refused = browser.post(f"/runs/{live.uid}/delete", follow=True).content.decode()
    assert 'class="alert alert-danger"' in refused
    page = browser.post(f"/runs/{done.uid}/delete", follow=True)
    assert "was moved to the trash" in page.content.decode()
    assert f'id="run-{done.uid}"' not in page.content.decode()


def test_retry_queues_a_run_that_its_machine_ended(browser: Client, make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.FAILED, reason="killed")
    answer = browser.post(f"/runs/{run.uid}/retry", follow=True)
    assert answer.status_code == 200
    assert 'data-run-status="pending"' in answer.content.decode()


def test_a_form_without_its_token_is_refused_in_words(make_run: MakeRun) -> None:
    run = make_run()
    strict = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
    answer = strict.post(f"/runs/{run.uid}/cancel")
    assert answer.status_code == 403
    assert "open the page again" in answer.content.decode()


def test_a_stopped_run_with_a_checkpoint_can_be_resumed(browser: Client, make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.CANCELLED)
    assert 'form="resume-form"' not in browser.get(f"/runs/{run.uid}").content.decode()
    make_checkpoint(run, step=1234)
    assert "Resume from step 1,234" in browser.get(f"/runs/{run.uid}").content.decode()
    page = browser.post(f"/runs/{run.uid}/resume", follow=True)
    assert page.redirect_chain == [(f"/runs/{run.uid}", 302)]
    run.refresh_from_db()
    assert run.status == RunStatus.PENDING


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({"resume": "exact", "resume_reason": ""}, "ends with the same weights"),
        ({"resume": "approximate", "resume_reason": "threads was 1 and is 2"}, "threads was 1 and"),
    ],
)
def test_a_resumed_run_says_whether_that_was_exact(
    browser: Client, make_run: MakeRun, figures: dict[str, str], sentence: str
) -> None:
    run = make_run(status=RunStatus.RUNNING, metrics={"resumed_from_step": 90, **figures})
    page = browser.get(f"/runs/{run.uid}").content.decode()
    assert f"resumed after step 90: {figures['resume']}" in page
    assert sentence in page


def test_going_back_reaches_an_open_page(make_run: MakeRun) -> None:
    run = make_run(status=RunStatus.RUNNING)
    event: StreamMessage = {
        "event_type": "status", "run_id": run.uid, "seq": 7, "attempt": 1, "timestamp": "",
        "data": {"back_to_step": 40},
    }  # fmt: skip
    assert "&quot;back&quot;: true" in render_update(run.pk, Update(7, [event]))

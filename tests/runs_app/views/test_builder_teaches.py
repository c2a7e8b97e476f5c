"""The builder teaches: fields explain themselves, pictures follow the draft, drafts stay."""

from __future__ import annotations

import html
import json
import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from runs_app.choices import JobKind, JobState, RunStatus
from runs_app.forecasting.config.document import to_tree
from runs_app.forms.build import build_field, same_value
from runs_app.forms.draft import Draft, new_draft, open_drafts
from runs_app.forms.steps import STEPS
from runs_app.models import Job, RunGroup, TrainingRun
from runs_app.services import draft_previews as previews
from runs_app.services.estimates import estimate
from runs_app.services.launch import resolve
from tests.runs_app.services.test_rehearsals import TOO_LARGE, WORKS
from tests.synthetic import random_candles, write_candles

pytestmark = pytest.mark.django_db

VALUES: dict[str, Any] = {
    "data.source": "candles.csv", "data.timeframes": ["1m", "5m"], "model.variant": "tiny",
    "model.context_bars": "16", "horizons.short": "5m", "horizons.long": "30m",
    "train.gradient_clip": "0.5", "train.learning_rate": "1e-3", "loss.kind": "quantile",
    "loss.weights.short": "0.2", "train.steps_per_epoch": "", "data.embargo": "1h",
}  # fmt: skip


@pytest.fixture
def small(data_root: Path, runs_root: Path) -> Path:
    cache.clear()
    return write_candles(data_root / "candles.csv", random_candles(4000, seed=1))


@pytest.fixture
def drafted(browser: Client, small: Path) -> str:
    """A draft that could be started; its id."""
    return put(browser, values=dict(VALUES), name="it's mine")


def put(browser: Client, **fields: Any) -> str:
    draft = new_draft()
    draft.choose_preset("tiny")
    values = fields.pop("values")
    draft.values.update(values)
    draft.visited = [step.key for step in STEPS]
    session = browser.session
    stored = session.get("drafts", {})
    kept = {**draft.__dict__, **fields, "saved_at": "2024-01-01T00:00:00+00:00"}
    session["drafts"] = {**stored, draft.id: kept}
    session.save()
    browser.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return draft.id


def text(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def test_every_field_of_every_step_says_why_and_what_the_preset_has(
    browser: Client, drafted: str
) -> None:
    for step in STEPS:
        page = text(browser.get(f"/runs/new/{step.key}?draft={drafted}"))
        for path in step.all_paths:
            field = build_field(path, "")
            assert field.why in page, path
            assert not field.range or field.range in page, path


def test_a_changed_field_is_marked_and_reset_gives_the_presets_value_back(
    browser: Client, drafted: str
) -> None:
    address = f"/runs/new/train?draft={drafted}"
    page = text(browser.get(address))
    line = re.search(r'<small[^>]*data-usual-of="train-gradient_clip".*?</small>', page, re.S)
    assert line and "field-usual changed" in line[0] and "> Gradient clip (norm)<" in line[0]
    assert page.count("changed</span>") == 8  # in the summary
    same = re.search(r'<small[^>]*data-usual-of="train-learning_rate".*?</small>', page, re.S)
    assert same and "field-usual changed" not in same[0]
    answer = browser.post(
        address, {"train-gradient_clip": "0.5", "go": "reset:train.gradient_clip"}
    )
    assert answer.headers["Location"].endswith("#train-gradient_clip")
    page = text(browser.get(address))
    assert re.search(r'name="train-gradient_clip"[^>]*value="1"', page)


def test_values_are_the_same_by_what_they_mean() -> None:
    assert same_value("train.learning_rate", "0.001", 1e-3)
    assert same_value("train.learning_rate", "1e-3", 1e-3)
    assert not same_value("train.learning_rate", "x", 1e-3)
    assert same_value("train.steps_per_epoch", "", None)
    assert same_value("data.timeframes", ["1m"], ("1m",))
    assert not same_value("data.repair", True, False)


def test_the_pictures_follow_the_draft_and_are_kept(
    browser: Client, drafted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/runs/new/preview/split?draft={drafted}"
    page = text(browser.get(address))
    assert "Train" in page and 'class="part-gap"' in page and "One decision" in page
    assert "How often each direction came" in page
    monkeypatch.setattr(previews, "ask_core", None)
    assert text(browser.get(address)) == page
    features = f"/runs/new/preview/features?draft={drafted}"
    with pytest.raises(TypeError):  # other settings, so the core is asked
        browser.get(features)
    monkeypatch.undo()
    page = text(browser.get(features))
    assert "Log-return" in page and "known when that bar closes" in page
    assert "Bollinger position" in page


def test_each_loss_has_its_picture_and_its_words(browser: Client, drafted: str) -> None:
    page = text(browser.get(f"/runs/new/loss?draft={drafted}"))
    assert page.count("Choose it") == 4 and "Drawing…" in page
    drawn = text(browser.get(f"/runs/new/preview/losses?draft={drafted}"))
    assert drawn.count('class="histogram"') == 4
    assert re.search(r'chosen" data-loss="quantile"', drawn)
    assert "degrees of freedom" in drawn


def test_a_preview_without_data_says_so(browser: Client, small: Path) -> None:
    for what in ("split", "features", "losses", "estimate"):
        page = text(browser.get(f"/runs/new/preview/{what}?draft=new"))
        assert "cannot be shown yet: Data source must not be empty" in page, what
        assert 'value="data"' in page, what
    assert browser.get("/runs/new/preview/nosuch?draft=new").status_code == 404


def test_times_are_measured_or_not_known(browser: Client, drafted: str) -> None:
    address = f"/runs/new/preview/estimate?draft={drafted}"
    assert "Not known yet" in text(browser.get(address))
    draft = Draft(**browser.session["drafts"][drafted])
    config_job = {"config": _config(draft), "key": "k"}
    facts = json.loads(WORKS.model_dump_json())
    Job.objects.create(
        kind=JobKind.REHEARSAL, state=JobState.DONE, arguments=config_job, facts=facts
    )
    found = estimate(draft.payload())
    assert found.measured_bytes == WORKS.peak_memory_bytes
    validated = 4000 * 0.15 * WORKS.seconds_per_validation / WORKS.decisions["validation"]
    assert found.seconds == pytest.approx(found.steps * WORKS.seconds_per_step + validated)
    assert "rehearsal of this network" in text(browser.get(address))
    draft.values["model.d_model"] = "32"
    assert estimate(draft.payload()).seconds is None


def test_a_finished_run_of_the_network_tells_its_time(browser: Client, drafted: str) -> None:
    draft = Draft(**browser.session["drafts"][drafted])
    now = timezone.now()
    TrainingRun.objects.create(
        name="before", config=_config(draft), status=RunStatus.COMPLETED, attempt=1, step=100,
        started_at=now - timedelta(seconds=50), finished_at=now,
    )  # fmt: skip
    found = estimate(draft.payload())
    assert found.seconds == pytest.approx(0.5 * found.steps, rel=1e-3)
    assert "the run before" in found.how


def _config(draft: Draft) -> dict[str, Any]:
    return to_tree(resolve(draft.payload())[0])


def test_the_shown_call_and_file_start_the_very_run(
    browser: Client, client: Client, drafted: str, tmp_path: Path
) -> None:
    page = browser.get(f"/runs/new/train?draft={drafted}").content.decode()
    shown = {key: html.unescape(body) for key, body in re.findall(
        r'<pre class="config copied" id="command-(\w+)"[^>]*>(.*?)</pre>', page, re.S)}  # fmt: skip
    assert browser.post(
        f"/runs/new/train?draft={drafted}",
        {**_typed(browser, drafted), "name": "it's mine", "go": "start"},
    ).status_code == 302  # fmt: skip
    wanted = TrainingRun.objects.get()
    words = shlex.split(shown["curl"].replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "POST", "http://testserver/runs"]
    body = words[words.index("-d") + 1]
    assert set(json.loads(body)["config"]) == {
        "data_source", "timeframes", "variant", "context_bars", "short_horizon", "long_horizon",
        "regression_loss", "loss_weights", "overrides",
    }  # fmt: skip
    made = client.post("/runs", body, content_type="application/json")
    assert made.status_code == 201
    called = TrainingRun.objects.get(uid=made.json()["id"])
    file = tmp_path / "run.yaml"
    file.write_text(shown["yaml"])
    call_command("launch_runs", str(file))
    launched = TrainingRun.objects.order_by("-pk").first()
    assert launched and launched.pk != called.pk
    assert called.config == launched.config == wanted.config
    assert called.name == launched.name == wanted.name == "it's mine"


def _typed(browser: Client, drafted: str) -> dict[str, Any]:
    """What the last page's form would send."""
    draft = Draft(**browser.session["drafts"][drafted])
    step = STEPS[-1]
    return {path.replace(".", "-"): build_field(path, draft.shown(path)).value
            for path in step.all_paths if path != "train.compile"}  # fmt: skip


def test_a_group_is_shown_as_a_group(browser: Client, client: Client, small: Path) -> None:
    drafted = put(browser, values=dict(VALUES), size={"folds": "1", "seeds": "2"})
    page = text(browser.get(f"/runs/new/train?draft={drafted}"))
    assert "/groups -H" in page and '"seeds": 2' in page
    body = page.split("-d '")[1].split("'</pre>")[0]
    assert client.post("/groups", body, content_type="application/json").status_code == 201
    assert RunGroup.objects.get().seeds == 2


def test_open_drafts_are_listed_resumed_and_deleted(browser: Client, drafted: str) -> None:
    other = put(browser, values={"data.source": "candles.csv"}, visited=["data", "features"])
    used = put(browser, values={"data.source": "candles.csv"}, name="started already", run="abc")
    page = text(browser.get("/runs/new", follow=True))
    assert "Open drafts (2)" in page and "it's mine" in page and "started already" not in page
    assert f"/runs/new/horizons?draft={other}" in page
    assert browser.get(f"/runs/new/drafts/{other}/delete").status_code == 405
    browser.post(f"/runs/new/drafts/{other}/delete")
    assert [draft.id for draft in open_drafts(browser.session)] == [drafted]
    browser.post(f"/runs/new/drafts/{other}/delete")
    assert "deleted already" in text(browser.get("/runs/new", follow=True))
    assert used in browser.session["drafts"]


def test_drafts_outlive_the_browser() -> None:
    assert settings.SESSION_COOKIE_AGE > 300 * 86_400
    assert not settings.SESSION_EXPIRE_AT_BROWSER_CLOSE
    assert settings.SESSION_ENGINE == "django.contrib.sessions.backends.db"


def test_a_rehearsal_from_the_last_page_and_the_smaller_batch(
    browser: Client, drafted: str
) -> None:
    address = f"/runs/new/train?draft={drafted}"
    assert "have not been rehearsed" in text(browser.get(address))
    form = {**_typed(browser, drafted), "go": "rehearse"}
    assert browser.post(address, form).headers["Location"].endswith("#rehearse")
    job = Job.objects.get(kind=JobKind.REHEARSAL)
    assert "Waits for a free slot" in text(browser.get(address))
    Job.objects.update(
        state=JobState.FAILED,
        reason=TOO_LARGE.reason,
        message=str(TOO_LARGE),
        facts=TOO_LARGE.facts,
    )
    page = text(browser.get(address))
    assert "The run would fail: out of memory" in page and 'value="smaller"' in page
    browser.post(address, {**form, "go": "smaller"})
    draft = Draft(**browser.session["drafts"][drafted])
    assert (draft.values["train.batch_size"], draft.values["train.accumulation"]) == ("4", "16")
    page = text(browser.get(address))
    assert "have not been rehearsed" in page and job.uid not in page

"""The admin's lists: what they show and do, and how little they read."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from runs_app import admin_lists
from runs_app.admin_sections import REST, SECTIONS
from runs_app.choices import (
    Channel,
    DeliveryState,
    EventKind,
    JobKind,
    JobReason,
    JobState,
    NotificationKind,
)
from runs_app.models import DataSet, Job, TrainingRun
from runs_app.notification_models import Delivery, Notification, NotificationSwitch
from tests.factories import (
    MOMENT,
    make_artifact,
    make_checkpoint,
    make_completed_run,
    make_config,
    make_data_set,
    make_event,
    make_group,
    make_run,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wake_deliveries", "wake_import"):
        monkeypatch.setattr(f"runs_app.execution.wakeups.{name}", lambda: None)
    monkeypatch.setattr("runs_app.execution.jobs._wake", lambda pk: None)


def page(model: str, query: str = "") -> str:
    answer = Client().get(f"/admin/runs_app/{model}/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def act(model: str, action: str, *keys: int) -> str:
    form = {"action": action, "_selected_action": [str(key) for key in keys]}
    answer = Client().post(f"/admin/runs_app/{model}/", form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def make_delivery() -> Delivery:
    told = Notification.objects.create(kind=NotificationKind.LOST, sentence="Lost.", run=make_run())
    return Delivery.objects.create(
        notification=told, channel=Channel.EMAIL, state=DeliveryState.FAILED, tries=6,
        next_at=MOMENT, fault="The mail server did not take it: refused",
    )  # fmt: skip


ROWS: dict[str, Callable[[], object]] = {
    "trainingrun": lambda: make_completed_run(parent=make_run()),
    "rungroup": make_group,
    "runevent": lambda: make_event(make_run()),
    "checkpoint": lambda: make_checkpoint(make_run()),
    "artifact": lambda: make_artifact(make_run()),
    "dataset": make_data_set,
    "job": lambda: Job.objects.create(kind=JobKind.PREDICTION, run=make_run()),
    "notification": make_delivery,
    "delivery": make_delivery,
}


@pytest.mark.parametrize("model", ROWS)
def test_many_rows_take_no_more_queries_than_few(model: str) -> None:
    client = Client()
    counts = []
    client.get("/admin/")  # makes the operator's account
    for more in (2, 20):
        for _ in range(more):
            ROWS[model]()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(f"/admin/runs_app/{model}/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_list_of_a_thousand_runs_reads_one_page_without_their_documents() -> None:
    config = make_config().model_dump(mode="json")
    TrainingRun.objects.bulk_create(
        TrainingRun(name=f"run {n}", config=config) for n in range(1000)
    )
    with CaptureQueriesContext(connection) as queries:
        text = page("trainingrun", "?q=run+7")
    assert text.count('class="action-checkbox"') == 50
    assert not [one for one in queries.captured_queries if '"config"' in one["sql"]]
    assert not [one for one in queries.captured_queries if "DISTINCT" in one["sql"]]
    assert "111 runs" not in text  # the whole is not counted beside the result


def test_runs_are_found_by_data_set_and_lead_to_their_pages() -> None:
    row = make_data_set(name="bitcoin", path="btc.csv")
    by_path = make_config(data={"source": "btc.csv"}).model_dump(mode="json")
    by_name = make_config(data={"source": "bitcoin"}).model_dump(mode="json")
    make_run(name="by path", config=by_path)
    make_run(name="by name", config=by_name)
    run = make_run(name="another")
    text = page("trainingrun", f"?data_set={row.pk}")
    assert "by path" in text
    assert "by name" in text
    assert "another" not in text
    assert f'<a href="/runs/{run.uid}">Open</a>' in page("trainingrun")
    assert f"?run__id__exact={run.pk}" in page("trainingrun")


def test_events_are_found_by_run_kind_and_attempt() -> None:
    one, other = make_run(attempt=1), make_run(attempt=7)
    make_event(one, EventKind.LOG, message="a line")
    make_event(other, EventKind.METRICS, loss=0.5)
    assert "a line" in page("runevent")
    found = page("runevent", f"?q={one.uid}")
    assert "a line" in found
    assert "loss" not in found
    assert "a line" not in page("runevent", f"?run__id__exact={other.pk}")
    assert "a line" not in page("runevent", "?attempt_number=5")
    assert "a line" in page("runevent", "?attempt_number=1&kind__exact=log")
    assert "a line" in page("runevent", "?attempt_number=²")
    event = other.events.get()
    shown = Client().get(f"/admin/runs_app/runevent/{event.pk}/change/").content.decode()
    assert "&quot;loss&quot;: 0.5" in shown
    assert "Save" not in shown


def test_a_long_log_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_lists, "COUNT_TO", 3)
    run = make_run()
    for _ in range(5):
        make_event(run)
    with CaptureQueriesContext(connection) as queries:
        page("runevent")
    counts = [one["sql"] for one in queries.captured_queries if "COUNT(" in one["sql"].upper()]
    events = [sql for sql in counts if "runs_app_runevent" in sql]
    assert events
    assert all("LIMIT 3" in sql for sql in events)


def test_a_failed_job_is_tried_again() -> None:
    failed = Job.objects.create(
        kind=JobKind.EXPORT, state=JobState.FAILED, reason=JobReason.BUG, message="Broke.", losses=2
    )
    done = Job.objects.create(kind=JobKind.EXPORT, state=JobState.DONE)
    text = act("job", "try_again", failed.pk, done.pk)
    assert "waits to be tried again" in text
    assert "only a failed job" in text
    failed.refresh_from_db()
    assert (failed.state, failed.message) == (JobState.WAITING, "")
    assert (failed.reason, failed.losses) == ("", 0)


def test_jobs_by_reason_and_worker() -> None:
    lost = Job.objects.create(
        kind=JobKind.EXPORT, state=JobState.FAILED, reason=JobReason.WORKER_LOST,
        worker="here:7:abc",
    )  # fmt: skip
    full = Job.objects.create(
        kind=JobKind.EXPORT, state=JobState.FAILED, reason=JobReason.DISK_FULL
    )
    for query in ("?reason__exact=worker_lost", "?q=here:7"):
        text = page("job", query)
        assert lost.uid in text and full.uid not in text
        assert "here:7:abc" in text and "Worker lost" in text


def test_a_file_is_read_again() -> None:
    row = make_data_set(name="x", state="usable")
    assert "x: waits to be read again." in act("dataset", "read_again", row.pk)
    DataSet.objects.update(state="reading")
    assert "x: is being read just now." in act("dataset", "read_again", row.pk)


def test_a_delivery_shows_its_fault_and_is_tried_again() -> None:
    row = make_delivery()
    assert "did not take it: refused" in page("delivery", "?state__exact=failed")
    assert "1 of 1 are tried again" in act("delivery", "try_again", row.pk)
    row.refresh_from_db()
    assert (row.state, row.tries) == (DeliveryState.WAITING, 0)


def test_kinds_are_switched() -> None:
    assert page("notificationswitch").count("field-kind") == len(NotificationKind)
    keys = list(NotificationSwitch.objects.values_list("pk", flat=True))
    form = {"form-TOTAL_FORMS": len(keys), "form-INITIAL_FORMS": len(keys), "_save": "Save"}
    for number, key in enumerate(keys):
        form |= {f"form-{number}-id": key, f"form-{number}-webhook": "on"}
    Client().post("/admin/runs_app/notificationswitch/", form)
    assert not NotificationSwitch.objects.filter(email=True).exists()
    assert NotificationSwitch.objects.filter(webhook=True).count() == len(keys)


def test_the_index_has_headings_and_the_state_of_things() -> None:
    make_completed_run()
    text = Client().get("/admin/").content.decode()
    places = [
        text.index(f">{name}</a>") for name in ("Runs", "Queue and machines", "Data and jobs")
    ]
    assert places == sorted(places)
    assert "No worker has been seen yet." in text
    assert '?status__exact=completed&amp;trashed_at__isempty=1">1</a>' in text
    assert "Disk of the runs" in text
    assert Client().get("/admin/runs_app/").status_code == 200
    assert 'href="/queue"' in text


LINES = {f"{kind}-{count}": "0" for kind in ("checkpoints", "artifacts")
         for count in ("TOTAL_FORMS", "INITIAL_FORMS")}  # fmt: skip


def test_a_run_is_named_and_tagged_as_on_its_page() -> None:
    run = make_run(name="old", tags=",1,tag,", epoch=3)
    address = f"/admin/runs_app/trainingrun/{run.pk}/change/"
    form = Client().get(address).content.decode()
    assert 'value="1, tag"' in form
    assert ",1,tag," not in form
    TrainingRun.objects.filter(pk=run.pk).update(epoch=4)  # it trains meanwhile
    asked = LINES | {"name": " new ", "tag_words": "Tag  second", "note": "why\r\n", "epoch": "9"}
    assert Client().post(address, asked).status_code == 302
    run.refresh_from_db()
    assert (run.name, run.tags, run.note, run.epoch) == ("new", ",second,tag,", "why", 4)
    refused = Client().post(address, asked | {"tag_words": "a(b"}).content.decode()
    assert "Tags holds “a(b”; a tag has 1 to 30" in refused
    run.refresh_from_db()
    assert run.tag_list == ["second", "tag"]


def test_a_run_in_the_trash_is_shown_with_its_tags_and_not_changed() -> None:
    run = make_run(tags=",1,tag,", trashed_at=MOMENT)
    address = f"/admin/runs_app/trainingrun/{run.pk}/change/"
    shown = Client().get(address).content.decode()
    assert "1, tag" in shown
    assert ",1,tag," not in shown
    assert Client().post(address, LINES | {"name": "new"}).status_code == 403


def test_a_run_is_shown_in_sections_and_no_field_is_left_out() -> None:
    run = make_run(started_at=MOMENT)
    page = Client().get(f"/admin/runs_app/trainingrun/{run.pk}/change/").content.decode()
    titles = (*[title for title in SECTIONS if title], REST)
    places = [page.index(f">{title}</h2>") for title in titles]
    assert places == sorted(places)
    assert page.count("<details") == 2
    columns = {field.name for field in TrainingRun._meta.fields} - {"id", "tags"}
    found = re.findall(r'class="form-row field-(\w+)', page)
    shown = [name.removesuffix("_document") for name in found]
    assert sorted(shown) == sorted(columns | {"tag_words"}), "each once"
    assert f"{MOMENT:%Y-%m-%d %H:%M:%S}" in page


def test_documents_are_shown_one_key_a_line() -> None:
    run = make_run(verdict=None)
    group = make_group()
    job = Job.objects.create(kind=JobKind.EXPORT, arguments={"at": [1], "of": "<b>"}, run=run)
    shown = Client().get(f"/admin/runs_app/trainingrun/{run.pk}/change/").content.decode()
    assert "\n  &quot;data&quot;: {\n" in _document(shown, "config")
    assert "<pre" not in shown[shown.index("field-verdict_document") :].partition("</div>")[0]
    shown = Client().get(f"/admin/runs_app/rungroup/{group.pk}/change/").content.decode()
    assert "\n  &quot;data&quot;: {\n" in _document(shown, "config")
    shown = Client().get(f"/admin/runs_app/job/{job.pk}/change/").content.decode()
    data_set = make_data_set(report={"rows": 3})
    page = Client().get(f"/admin/runs_app/dataset/{data_set.pk}/change/").content.decode()
    assert page.count("field-report_document") == 1
    assert _document(page, "report") == "{\n  &quot;rows&quot;: 3\n}"
    lines = "{\n  &quot;at&quot;: [\n    1\n  ],\n  &quot;of&quot;: &quot;&lt;b&gt;&quot;\n}"
    assert _document(shown, "arguments") == lines


def _document(page: str, name: str) -> str:
    found = re.search(rf'<pre[^>]*aria-label="{name}">(.*?)</pre>', page, re.DOTALL)
    assert found, name
    return found[1]

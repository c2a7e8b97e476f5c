"""The bell, its page and its JSON."""

from __future__ import annotations

import pytest
from django.test import Client

from runs_app.choices import NotificationKind
from runs_app.notification_models import Notification
from tests.factories import make_run

pytestmark = pytest.mark.django_db


def make(sentence: str, kind: NotificationKind = NotificationKind.FAILED) -> Notification:
    return Notification.objects.create(kind=kind, sentence=sentence)


def test_the_page_of_nobody(browser: Client) -> None:
    text = browser.get("/notifications").content.decode()
    assert "Nothing has happened yet" in text
    assert "neither e-mail nor webhook is set up" in text


def test_the_bell_counts_what_is_unread(browser: Client) -> None:
    for number in range(3):
        make(f"Number {number}.")
    home = browser.get("/").content.decode()
    assert "3 unread notifications" in home
    assert browser.get("/notifications/bell?had=3").status_code == 204
    assert "3 unread notifications" in browser.get("/notifications/bell?had=2").content.decode()
    Notification.objects.bulk_create(Notification(kind="test", sentence="x") for _ in range(200))
    assert "More than 99 unread" in browser.get("/notifications/bell").content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "/", "/runs", "/runs?sort=no", "/queue", "/datasets", "/groups", "/trash", "/notifications",
        "/notifications?unread=true", "/runs/compare?ids=a,b", "/api/docs",
        "/runs/new/train?draft=bell", "/runs/bulk?action=tag&ids=a",
    ],
)  # fmt: skip
def test_every_page_has_the_count(browser: Client, address: str) -> None:
    for number in range(3):
        make(f"Number {number}.")
    assert "3 unread notifications" in browser.get(address, follow=True).content.decode()


def test_one_is_read_and_then_all_that_was_seen(browser: Client) -> None:
    one, two = make("One."), make("Two.")
    assert browser.post(f"/notifications/{one.pk}/read?unread=true").url == (  # type: ignore[attr-defined]
        "/notifications?unread=true"
    )
    text = browser.get("/notifications?unread=true").content.decode()
    assert "Two." in text
    assert "One." not in text
    later = make("Later.")
    browser.post("/notifications/read", {"upto": str(two.pk)})
    assert list(Notification.objects.filter(read_at=None)) == [later]
    browser.post("/notifications/read", {"upto": "x"})
    assert list(Notification.objects.filter(read_at=None)) == [later]


def test_the_list_is_filtered_and_links_its_run(browser: Client) -> None:
    run = make_run(name="linked")
    Notification.objects.create(kind="finished", sentence="It finished.", run=run)
    make("It failed.")
    text = browser.get("/notifications?kind=finished").content.decode()
    assert f'href="/runs/{run.uid}"' in text
    assert "It failed." not in text
    assert "None of this kind" in browser.get("/notifications?kind=nan").content.decode()
    run.delete()
    assert "It finished." in browser.get("/notifications").content.decode()


def test_the_bell_opens_the_newest_and_reads_them_all(browser: Client) -> None:
    assert "Nothing has happened yet" in browser.get("/notifications/newest").content.decode()
    run = make_run(name="linked")
    for number in range(8):
        make(f"Number {number}.")
    last = Notification.objects.create(kind="finished", sentence="It finished.", run=run)
    text = browser.get("/notifications/newest").content.decode()
    assert f'href="/runs/{run.uid}"' in text
    assert "Number 7." in text and "Number 0." not in text
    later = make("Later.")
    form = {"upto": str(last.pk)}
    asked = browser.post("/notifications/read?in=bell", form, headers={"HX-Request": "true"})
    assert 'id="bell-list"' in asked.content.decode()
    assert "1 unread notification<" in asked.content.decode()
    assert list(Notification.objects.filter(read_at=None)) == [later]


def test_a_sentence_is_text(browser: Client) -> None:
    make("<script>alert(1)</script>")
    assert "&lt;script&gt;" in browser.get("/notifications").content.decode()


def test_htmx_gets_the_list_and_the_bell(browser: Client) -> None:
    one = make("One.")
    answer = browser.post(f"/notifications/{one.pk}/read", headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert "<html" not in text
    assert 'hx-target="#bell"' in text


def test_the_same_as_json() -> None:
    run = make_run(name="n")
    Notification.objects.create(kind="finished", sentence="It finished.", run=run)
    failed = make("It failed.")
    api = Client()
    got = api.get("/notifications").json()
    assert (got["total"], got["unread"]) == (2, 2)
    assert [one["sentence"] for one in got["notifications"]] == ["It failed.", "It finished."]
    assert got["notifications"][1]["run"] == {"id": run.uid, "name": "n"}
    assert api.post(f"/notifications/{failed.pk}/read").json() == {"read": 1}
    assert api.get("/notifications?unread=true").json()["total"] == 1
    assert api.get("/notifications?kind=failed").json()["notifications"][0]["read"] is True
    assert api.get("/notifications?kind=bad").status_code == 422
    assert api.post("/notifications/read").json() == {"read": 1}


def test_a_page_of_many_reads_no_more_than_one_of_few(
    browser: Client, django_assert_max_num_queries: object
) -> None:
    for number in range(60):
        Notification.objects.create(kind="failed", sentence=f"{number}", run=make_run())
    with django_assert_max_num_queries(6):  # type: ignore[operator]
        text = browser.get("/notifications").content.decode()
    assert "Page </span>1 of 2" in text
    assert 'href="?page=2" rel="next"' in text


def test_following_one_reads_it(browser: Client) -> None:
    run = make_run(name="followed")
    one = Notification.objects.create(kind="finished", sentence="It finished.", run=run)
    full, silent = (
        make("Full.", NotificationKind.DISK_LOW),
        make("Hm.", NotificationKind.WORKER_SILENT),
    )
    other = make("Something.")
    page = browser.get("/notifications").content.decode()
    for told in (one, full, silent):
        assert f'action="/notifications/{told.pk}/open"' in page  # without script
        assert f'data-reads="/notifications/{told.pk}/read"' in page  # with it
    assert f"/notifications/{other.pk}/open" not in page  # is about no page
    newest = browser.get("/notifications/newest").content.decode()
    assert f'href="/runs/{run.uid}" data-reads="/notifications/{one.pk}/read"' in newest
    assert browser.get(f"/notifications/{one.pk}/open").status_code == 405
    assert Notification.objects.filter(read_at=None).count() == 4
    for told, place in ((one, f"/runs/{run.uid}"), (full, "/trash"), (silent, "/queue")):
        answer = browser.post(f"/notifications/{told.pk}/open")
        assert (answer.status_code, answer.url) == (302, place)  # type: ignore[attr-defined]
    assert list(Notification.objects.filter(read_at=None)) == [other]
    page = browser.get("/notifications").content.decode()
    assert f'href="/runs/{run.uid}">Open the run' in page
    assert f"/notifications/{one.pk}/" not in page
    gone = browser.post("/notifications/999999/open")
    assert gone.url == "/notifications"  # type: ignore[attr-defined]

"""What a person and a program see where a request met a fault; each one is provoked for real."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from runs_app.notification_models import Notification
from tests.factories import make_run

BROWSER = {"accept": "text/html,*/*;q=0.8"}
PROGRAM = {"accept": "application/json"}


def broken(request: HttpRequest) -> HttpResponse:
    """A view with a fault."""
    raise RuntimeError("a secret of the inside")


handler500 = "aistempre.faults.server_fault"
urlpatterns = [path("broken", broken), path("", include("aistempre.urls"))]


def ask(status: int, method: str, address: str, **how: Any) -> tuple[str, str]:
    """The page that a browser gets with this status, and the sentence that a program gets."""
    how.setdefault("headers", {})
    client = Client(raise_request_exception=False, enforce_csrf_checks=status == 403)
    page = getattr(client, method)(address, **how | {"headers": BROWSER | how["headers"]})
    assert page.status_code == status
    assert page["Content-Type"].startswith("text/html")
    assert page["Cache-Control"] == "no-store"
    text = page.content.decode()
    assert f'<div class="empty-header">{status}</div>' in text
    assert "Traceback" not in text
    said = getattr(client, method)(address, **how | {"headers": PROGRAM | how["headers"]})
    assert said["Content-Type"].startswith("application/json") or status in (403, 413)
    return text, said.json()["detail"] if said.status_code == status else ""


def has_navigation(text: str) -> bool:
    return all(f'href="{one}"' in text for one in ("/", "/runs", "/queue", "/datasets"))


def test_nothing_is_there() -> None:  # and no database is read
    text, said = ask(404, "get", "/nothing")
    assert "There is nothing at this address" in text and "There is nothing" in said
    assert has_navigation(text)


@pytest.mark.django_db
def test_a_missing_run_reads_nothing_of_the_bell() -> None:
    Notification.objects.create(kind="test", sentence="Unread.")
    text, _ = ask(404, "get", "/runs/abc123")
    assert has_navigation(text)
    assert "bell" not in text


@pytest.mark.django_db
def test_a_form_without_its_token_says_what_to_do() -> None:
    run = make_run(name="kept")
    headers = {"referer": f"http://testserver/runs/{run.uid}?x=1#top"}
    text, _ = ask(403, "post", f"/runs/{run.uid}/edit", data={"name": "new"}, headers=headers)
    assert "open the page again" in text
    assert f'href="/runs/{run.uid}?x=1">Back to the form' in text
    assert has_navigation(text)
    run.refresh_from_db()
    assert run.name == "kept"
    headers = {"referer": "http://evil.example/x"}
    text, _ = ask(403, "post", f"/runs/{run.uid}/edit", data={"name": "new"}, headers=headers)
    assert "evil" not in text


@pytest.mark.django_db
def test_what_nobody_may_change_is_refused() -> None:
    run = make_run()
    text, _ = ask(403, "get", f"/admin/runs_app/trainingrun/{run.pk}/delete/")
    assert "Not allowed" in text and has_navigation(text)


@pytest.mark.django_db
def test_a_form_that_is_too_large_is_413() -> None:
    run = make_run()
    sent = {"name": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)}
    text, _ = ask(413, "post", f"/runs/{run.uid}/edit", data=sent)
    assert "Too large" in text and has_navigation(text)
    client = Client(raise_request_exception=False)
    body = b'{"config": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'
    said = client.post("/runs", body, content_type="application/json", headers=PROGRAM)
    assert said.status_code == 413
    assert "larger than" in str(said.json())


def test_another_name_of_this_computer_leads_to_the_right_one() -> None:
    text, said = ask(400, "get", "/runs", headers={"host": "evil.example"})
    assert f'href="{settings.PRODUCT_URL}/"' in text
    assert settings.PRODUCT_URL in said
    assert 'href="/runs"' not in text  # every link of this host would be refused again


def test_too_many_fields_are_told_in_the_same_way(db: None) -> None:
    fields = {f"f{number}": "" for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    text, _ = ask(413, "post", "/runs/abc/edit", data=fields)
    assert "Too large" in text


@pytest.mark.django_db
def test_an_address_of_a_button_is_no_blank_page() -> None:
    run = make_run()
    client = Client()
    page = client.get(f"/runs/{run.uid}/cancel", headers=BROWSER)
    assert (page.status_code, page["Allow"]) == (405, "POST")
    assert "only takes what a button sends" in page.content.decode()
    assert has_navigation(page.content.decode())
    assert client.put("/runs", headers=PROGRAM).json() == {
        "detail": "This address does not take this method."
    }


@override_settings(ROOT_URLCONF=__name__)
def test_a_fault_of_the_inside_stays_inside() -> None:
    text, said = ask(500, "get", "/broken")
    for told in (text, said):
        assert "secret" not in told
        assert "Runs go on training" in told
    assert has_navigation(text)

"""What goes out: signed, to real servers, again until it arrived, and to nobody inside."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from runs_app.choices import DeliveryState, NotificationKind
from runs_app.execution import deliveries, notices, webhook
from runs_app.notification_models import Delivery, Notification
from tests.factories import make_run
from tests.receivers import Mails, Posts, mail_receiver, web_receiver

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "a secret of some length"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs_app.execution.wakeups.wake_deliveries", lambda: None)


@pytest.fixture
def web(settings: Settings) -> Iterator[Posts]:
    with web_receiver() as posts:
        settings.NOTIFY_WEBHOOK_URL = f"http://localhost:{posts.port}/hook?to=me"
        settings.NOTIFY_WEBHOOK_SECRET = SECRET
        settings.NOTIFY_WEBHOOK_PRIVATE = True
        yield posts


@pytest.fixture
def mail(settings: Settings) -> Iterator[Mails]:
    with mail_receiver() as mails:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", mails.port
        settings.NOTIFY_EMAIL_TO = ("one@example.org", "two@example.org")
        yield mails


def due_again() -> None:
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_a_webhook_is_signed(web: Posts) -> None:
    run = make_run(name="n")
    notices.tell(NotificationKind.FAILED, "n failed.", run)
    assert deliveries.send_due() == 1
    assert deliveries.send_due() == 0
    ((path, headers, body),) = web.got
    row = Delivery.objects.get()
    assert row.state == DeliveryState.SENT
    assert path == "/hook?to=me"
    signed = headers["X-Timestamp"].encode() + b"." + body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Signature"] == f"sha256={digest}"
    assert headers["X-Delivery"] == row.uid
    posted = json.loads(body)
    assert posted["id"] == row.uid
    assert (posted["kind"], posted["sentence"]) == ("failed", "n failed.")
    assert posted["run"] == {"id": run.uid, "name": "n"}
    assert posted["url"].endswith(f"/runs/{run.uid}")


def test_it_is_tried_again_later_and_later_and_then_given_up(web: Posts) -> None:
    web.answer = 500
    notices.tell(NotificationKind.LOST, "Lost.")
    waits = []
    for _ in range(len(deliveries.PAUSES) + 3):
        deliveries.send_due()
        assert deliveries.send_due() == 0
        row = Delivery.objects.get()
        waits.append((row.next_at - timezone.now()).total_seconds())
        due_again()
    assert len(web.got) == len(deliveries.PAUSES) + 1
    assert len({json.loads(body)["id"] for _, _, body in web.got}) == 1
    assert waits[0] < waits[1] < waits[2] < waits[3]
    assert row.state == DeliveryState.FAILED
    assert "answered 500" in row.fault
    web.answer = 200
    assert deliveries.try_again(row.pk)
    assert deliveries.send_due() == 1
    assert not deliveries.try_again(row.pk)


def test_a_worker_that_died_leaves_it_to_the_next(
    web: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(delivery: Delivery) -> None:
        raise SystemExit

    monkeypatch.setitem(deliveries.WAYS, "webhook", die)
    notices.tell(NotificationKind.LOST, "Lost.")
    with pytest.raises(SystemExit):
        deliveries.send_due()
    monkeypatch.setitem(deliveries.WAYS, "webhook", webhook.post_webhook)
    assert deliveries.send_due() == 0, "it may still be on its way"
    due_again()
    assert deliveries.send_due() == 1


def test_of_many_who_send_one_does(web: Posts) -> None:
    notices.tell(NotificationKind.LOST, "Lost.")
    key = Delivery.objects.get().pk
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        try:
            deliveries.send(key)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(web.got) == 1


def test_a_redirect_is_not_followed(web: Posts) -> None:
    web.answer, web.location = 307, f"http://127.0.0.1:{web.port}/inside"
    notices.tell(NotificationKind.LOST, "Lost.")
    assert deliveries.send_due() == 0
    assert [path for path, _, _ in web.got] == ["/hook?to=me"]
    assert "answered 307" in Delivery.objects.get().fault


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"]
)
def test_nobody_inside_is_reached(web: Posts, settings: Settings, host: str) -> None:
    settings.NOTIFY_WEBHOOK_PRIVATE = False
    settings.NOTIFY_WEBHOOK_URL = f"http://{host}:{web.port}/"
    notices.tell(NotificationKind.LOST, "Lost.")
    assert deliveries.send_due() == 0
    assert web.got == []
    assert "not on the internet" in Delivery.objects.get().fault


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07::1", True),
        ("10.0.0.1", False), ("172.16.0.1", False), ("192.168.1.1", False), ("0.0.0.0", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False),
        ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("::ffff:169.254.169.254", False), ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False), ("2002:a00:1::1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_of_the_internet(address: str, public: bool) -> None:
    assert webhook.is_public(address) is public


def test_the_judged_address_is_the_one_that_is_called(
    web: Posts, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes between check and use: it is asked for once."""
    settings.NOTIFY_WEBHOOK_PRIVATE = False
    answers = iter(["1.1.1.1", "127.0.0.1", "127.0.0.1"])
    reached: list[tuple[str, int]] = []

    def changing(host: str, port: int, *args: object, **options: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        reached.append(address)
        raise OSError("not from a test")

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    monkeypatch.setattr(socket, "create_connection", connect)
    settings.NOTIFY_WEBHOOK_URL = "http://changes.example/"
    notices.tell(NotificationKind.LOST, "Lost.")
    deliveries.send_due()
    assert reached == [("1.1.1.1", 80)]


def test_an_endless_answer_is_cut(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TOTAL_SECONDS", 0.3)
    ended = threading.Event()

    def drip(server: socket.socket) -> None:
        client, _ = server.accept()
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
            while not ended.wait(0.05):
                client.sendall(b".")
        except OSError:
            return
        finally:
            client.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        settings.NOTIFY_WEBHOOK_URL = f"http://127.0.0.1:{server.getsockname()[1]}/"
        settings.NOTIFY_WEBHOOK_SECRET, settings.NOTIFY_WEBHOOK_PRIVATE = SECRET, True
        notices.tell(NotificationKind.LOST, "Lost.")
        assert deliveries.send_due() == 0
        ended.set()
        thread.join()
    assert Delivery.objects.get().fault.startswith("127.0.0.1 did not ")


def test_a_mail_has_its_sentence_and_one_id(mail: Mails) -> None:
    mail.refuses = True
    notices.tell(NotificationKind.FINISHED, "n finished.\nIt beats GARCH.", make_run(name="n"))
    assert deliveries.send_due() == 0
    assert "mail server did not take it" in Delivery.objects.get().fault
    mail.refuses = False
    due_again()
    assert deliveries.send_due() == 1
    (message,) = mail.got
    assert message["Subject"] == "AiStemPre: n finished. It beats GARCH."
    assert message["To"] == "one@example.org, two@example.org"
    assert message["Message-ID"] == f"<{Delivery.objects.get().uid}@localhost>"
    assert "It beats GARCH." in message.get_content()


def test_the_command_tries_every_way(web: Posts, mail: Mails) -> None:
    out = StringIO()
    call_command("notify_test", stdout=out)
    assert "email: sent\nwebhook: sent\n" in out.getvalue()
    assert len(web.got) == len(mail.got) == 1
    web.answer = 404
    with pytest.raises(CommandError, match="1 of 2 did not arrive"):
        call_command("notify_test", stdout=out)
    assert "webhook: localhost answered 404" in out.getvalue()


def test_the_command_says_that_nothing_is_set_up() -> None:
    with pytest.raises(CommandError, match="EMAIL_URL"):
        call_command("notify_test", stdout=StringIO())


def test_what_is_long_past_is_forgotten() -> None:
    old = notices.tell(NotificationKind.TEST, "Old.")
    new = notices.tell(NotificationKind.TEST, "New.")
    Notification.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
    deliveries.forget_old()
    assert Notification.objects.get() == new

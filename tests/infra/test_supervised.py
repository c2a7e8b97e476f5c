"""Starting again and waiting in between, by a clock of the test's own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from launcher import ends, orphans, processes, question
from launcher.backoff import MOST_SECONDS, WELL_SECONDS, Backoff
from launcher.processes import Processes
from launcher.question import FAILED_PROBES, Going, Pulse, Question, Sign
from launcher.supervised import Supervised

DEADLINE_SECONDS = 20


def wait_for(condition: Callable[[], object]) -> None:
    """Wait for a condition of another process."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Processes]:
    """Processes that log into ``tmp_path``; ended afterwards."""
    made = Processes(tmp_path, os.environ)
    yield made
    made.stop("last", hurried=lambda: True)


def supervised(running: Processes, command: str, said: list[str], **more: Any) -> Supervised:
    """The process ``web``, started and never found to be silent."""
    running.start("web", command)
    pulse = Pulse(Going(lambda: running.pid("web")))
    fields = {"ready": lambda _: False, "pulse": pulse, "say": said.append} | more
    return Supervised("web", command, running, **fields)


def test_pauses_double_up_to_a_limit_and_begin_anew_after_a_good_time() -> None:
    backoff = Backoff()
    pauses = [backoff.seconds(1.0) for _ in range(10)]
    assert pauses == [0, 0.5, 1, 2, 4, 8, 16, MOST_SECONDS, MOST_SECONDS, MOST_SECONDS]
    assert backoff.seconds(WELL_SECONDS) == 0
    assert backoff.seconds(WELL_SECONDS - 1) == 0.5


def test_what_dies_is_started_when_its_pause_is_over(running: Processes) -> None:
    said: list[str] = []
    web = supervised(running, "sh -c 'exit 3'", said)
    now = 1000.0
    web.begin(now)
    for pause in (0, 0.5, 1, 2):
        wait_for(lambda: running.status("web") is not None)
        pid = running.own[0].pid
        web.look(now)
        if pause:
            web.look(now + pause - 0.01)
            assert running.own[0].pid == pid, "started too early"
        now += pause
        web.look(now)
        assert running.own[0].pid != pid
    told = "The web process ended with status 3 and is started again"
    assert said == [
        f"{told} (1st time) now; it said nothing",
        f"{told} (2nd time) in 0.5 s; it said nothing",
        f"{told} (3rd time) in 1 s; it said nothing",
        f"{told} (4th time) in 2 s; it said nothing",
    ]
    assert web.end is not None
    assert (web.end.restarts, web.end.up) == (4, False)


def test_a_good_time_is_counted_from_ready_on(running: Processes) -> None:
    said: list[str] = []
    web = supervised(running, "sleep 600", said, ready=lambda now: now >= 50)
    web.begin(0)
    for now in (40, 41, 50, 60, 109, 110, 170):
        if now in (40, 60, 170):
            running.kill("web")
            wait_for(lambda: running.status("web") is not None)
        web.look(now)
        web.look(now)
    again = [line.split(") ")[1].split(";")[0] for line in said if "started again" in line]
    assert again == ["now", "in 0.5 s", "now"], said
    assert said.count("The web process is ready again.") == 2


def test_last_words_are_shown_without_what_moves_a_terminal(running: Processes) -> None:
    said: list[str] = []
    web = supervised(running, r"""sh -c 'printf "one\n\033[31mtwo\377 \n\n"'""", said)
    wait_for(lambda: running.status("web") is not None)
    web.look(0)
    assert said[0].endswith("it said last:  [31mtwo\N{REPLACEMENT CHARACTER}")


def test_what_cannot_be_started_is_tried_again(running: Processes, tmp_path: Path) -> None:
    said: list[str] = []
    failing = ["No room"]

    def before() -> None:
        if failing:
            raise OSError(28, failing.pop())

    web = supervised(running, "sleep 600", said, ready=lambda _: True, before_restart=before)
    web.begin(0)
    running.kill("web")
    wait_for(lambda: running.status("web") is not None)
    for now in (1, 1, 2, 2):
        web.look(now)
    assert "could not be started (No room) and is started again (2nd time) in 0.5 s" in said[1]
    assert said[2] == "The web process is ready again."


@pytest.fixture
def silent_server(tmp_path: Path) -> Iterator[str]:
    """Path of a UNIX socket that takes connections and never answers."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(50)
        yield path


def test_silence_is_noticed_only_after_many_questions(silent_server: str) -> None:
    pulse = Pulse(Question(silent_server, b"PING", b"PONG"))
    pulse.begin(0)
    lost_at = next(now for now in range(1000) if pulse.is_lost(now))
    assert lost_at >= question.PROBE_SECONDS * question.FAILED_PROBES
    assert lost_at <= (question.PROBE_SECONDS + 2) * question.FAILED_PROBES


def test_a_launcher_that_was_stopped_blames_nobody(silent_server: str) -> None:
    pulse = Pulse(Question(silent_server, b"PING", b"PONG"))
    pulse.begin(0)
    assert not any(pulse.is_lost(now) for now in (10_000, 20_000, 30_000))


def test_a_server_that_is_gone_answers_no(tmp_path: Path) -> None:
    asked = Question(str(tmp_path / "nothing"), b"PING", b"PONG")
    asked.ask(0)
    assert asked.answer(0) is False


def test_children_of_a_process_that_adopts_none_are_no_orphans() -> None:
    with subprocess.Popen(["sleep", "600"]) as child:
        assert orphans.orphans([]) == []
        orphans.kill_orphans([])
        orphans.reap([])
        assert child.poll() is None
        child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_adopted_children_are_reaped_and_own_keep_their_status() -> None:
    program = """
import subprocess, sys, time, psutil
from launcher import orphans
orphans.adopt_orphans()
own = subprocess.Popen(["sh", "-c", "exit 5"])
leaving = subprocess.Popen(["sh", "-c", "sleep 0.2 & sleep 600 & exit 0"])
assert leaving.wait() == 0
me = psutil.Process()
deadline = time.monotonic() + 20
while len([c for c in me.children() if c.status() == "zombie"]) < 2:
    assert time.monotonic() < deadline
    time.sleep(0.01)
orphans.reap([own, leaving])
assert own.returncode == 5, own.returncode
(left,) = orphans.orphans([own, leaving])
assert left.status() != "zombie"
living = subprocess.Popen(["sh", "-c", "sleep 600; true"])
while not psutil.Process(living.pid).children():
    time.sleep(0.01)
(kept,) = psutil.Process(living.pid).children()
orphans.kill_orphans([own, leaving, living])
assert not left.is_running()
assert living.poll() is None and kept.is_running()
orphans.kill_descendants()
assert me.children(recursive=True) == []
"""
    folder = str(Path(orphans.__file__).parent.parent)
    subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": folder}, check=True
    )


def test_last_words_are_news_after_a_new_start(running: Processes) -> None:
    running.log("web").write_text("from yesterday\n")
    running.start("web", "sh -c 'echo last words'")
    wait_for(lambda: running.status("web") is not None)
    running.start("web", "sh -c 'echo first words'")
    wait_for(lambda: running.status("web") is not None)
    assert list(running.news()) == ["web    | last words", "web    | first words"]
    assert running.output("web") == "first words\n"


def test_logs_are_trimmed_between_two_lives(
    running: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "MAX_LOG_BYTES", 5)
    running.start("web", "sh -c 'echo before the end'")
    wait_for(lambda: running.status("web") is not None)
    running.trim_logs()
    running.start("web", "sh -c 'echo after'")
    wait_for(lambda: running.status("web") is not None)
    assert running.output("web") == "after\n"
    assert list(running.news()) == ["web    | after"]
    running.log("web").unlink()
    running.trim_logs()
    assert running.output("web") == ""
    assert list(running.news()) == []


def test_without_room_for_the_older_part_a_log_is_still_trimmed(
    running: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(processes, "MAX_LOG_BYTES", 5)
    monkeypatch.setattr(processes.shutil, "copyfile", full)
    running.start("web", "sh -c 'echo 0123456789'")
    wait_for(lambda: running.status("web") is not None)
    running.trim_logs()
    assert running.log("web").stat().st_size == 0


def test_the_file_for_the_pages_is_whole_or_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "ends.json"
    end = ends.End(restarts=1, how="ended with status 1", ended_at="2026-01-31T00:00:00Z", up=True)
    ends.write(path, {"web": end})
    assert json.loads(path.read_text())["processes"]["web"]["restarts"] == 1
    assert list(tmp_path.iterdir()) == [path]
    ends.write(tmp_path / "nowhere" / "ends.json", {"web": end})  # nothing is raised


@pytest.mark.parametrize(
    ("number", "word"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (12, "12th"), (21, "21st")]
)
def test_ordinals(number: int, word: str) -> None:
    assert ends.ordinal(number) == word


def test_a_file_that_is_not_touched_any_more_counts_as_silence(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    pulse = Pulse(Sign(lambda: file))
    now = 0.0

    def lost_after(seconds: int, *, touched: bool) -> bool:
        nonlocal now
        for _ in range(seconds):
            now += 1
            if touched:
                file.touch()
                os.utime(file, (now, now))
            if pulse.is_lost(now):
                return True
        return False

    pulse.begin(now)
    assert not lost_after(30, touched=False)  # it is not there yet
    assert not lost_after(200, touched=True)
    began = now
    assert lost_after(1000, touched=False)
    assert now - began >= 5 * (FAILED_PROBES - 1)
    pulse.begin(now)
    file.unlink()
    assert lost_after(1000, touched=False)

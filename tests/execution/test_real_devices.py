"""A run on two devices, from the product's own fork server down to the processes that train."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from runs_app.execution.trainer_process import TrainerProcess, TrainerServer
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.document import to_yaml
from runs_app.forecasting.data.sample import FILE_NAME, write_sample
from runs_app.forecasting.events import EXIT_CODES, REPLACED_EXIT, Reason
from runs_app.forecasting.fence import read_lock, write_attempt
from runs_app.forecasting.progress import read_progress

pytestmark = pytest.mark.slow

SECONDS = 60.0


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    write_sample(tmp_path / FILE_NAME, bars=6000)
    tree = {
        "data": {"source": FILE_NAME, "timeframes": ["1m"]},
        "horizons": {"short": "15m", "long": "1h"},
        "model": {"variant": "tiny", "context_bars": 32},
        "train": {
            "max_epochs": 10_000, "early_stopping_patience": 0, "batch_size": 64, "devices": 2,
            "log_every_steps": 1,
        },
    }  # fmt: skip
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(to_yaml(compose_config(tree)), encoding="utf-8")
    return folder


@pytest.fixture
def trainer(real_server: TrainerServer, run_dir: Path) -> Iterator[TrainerProcess]:
    """After its first steps."""
    trainer = real_server.spawn(run_dir, run_dir.parent, processes=2)
    events = run_dir / "events.jsonl"
    wait_until(lambda: events.exists() and b'"step":3,' in events.read_bytes())
    yield trainer
    trainer.kill()
    trainer.wait()


def wait_until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)


def ranks_of(trainer: TrainerProcess) -> list[psutil.Process]:
    found = psutil.Process(trainer.pid).children()
    assert len(found) == 2
    return found


def test_a_stop_saves_and_leaves_nobody(trainer: TrainerProcess, run_dir: Path) -> None:
    ranks = ranks_of(trainer)
    assert "SECRET_KEY" not in ranks[0].environ()
    trainer.ask_to_stop()
    ended = trainer.wait(SECONDS)
    assert ended is not None
    assert ended.code == EXIT_CODES[Reason.CANCELLED], (run_dir / "console.log").read_text()
    assert not psutil.wait_procs(ranks, timeout=SECONDS)[1]
    assert (run_dir / "checkpoints" / "last.ckpt").exists()
    assert "Traceback" not in (run_dir / "console.log").read_text()


def test_a_kill_of_the_group_reaches_all(trainer: TrainerProcess) -> None:
    ranks = ranks_of(trainer)
    trainer.kill()
    ended = trainer.wait(SECONDS)
    assert ended is not None
    assert ended.code == -signal.SIGKILL
    assert not psutil.wait_procs(ranks, timeout=SECONDS)[1]


def test_every_process_shows_its_stacks_and_the_first_one_holds_the_directory(
    trainer: TrainerProcess, run_dir: Path
) -> None:
    ranks = ranks_of(trainer)
    holder, mark = read_lock(run_dir), read_progress(run_dir)
    assert holder is not None and holder.attempt == 1
    assert holder.pid in {rank.pid for rank in ranks}
    trainer.show_stacks()
    console = run_dir / "console.log"
    shown = "training/following.py"  # in the second process's stack alone
    wait_until(lambda: shown in console.read_text())
    wait_until(lambda: console.read_text().count("most recent call first") >= 2)
    wait_until(lambda: (read_progress(run_dir) or 0) > (mark or 0))
    assert trainer.exit is None


def test_a_replaced_attempt_ends_with_all_its_processes(
    trainer: TrainerProcess, run_dir: Path
) -> None:
    ranks = ranks_of(trainer)
    write_attempt(run_dir, 2)
    ended = trainer.wait(SECONDS)
    assert ended is not None
    assert ended.code == REPLACED_EXIT, (run_dir / "console.log").read_text()
    assert not psutil.wait_procs(ranks, timeout=SECONDS)[1]

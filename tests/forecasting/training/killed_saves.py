"""Kill a trainer's saving at random moments: ``python -m ...killed_saves RUN_DIR KILLS SEED``.

A child saves checkpoints in the middle and at the end of epochs and amends the best one, as fast as
it can, until it is killed. Then every checkpoint of the log must lie there whole, and the next
child must go on from the newest one.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch

from runs_app.forecasting.events import CHECKPOINT_DIR, EVENTS_FILE
from runs_app.forecasting.recorded import recorded_checkpoints
from runs_app.forecasting.training.checkpoint import FORMAT, load_checkpoint
from runs_app.forecasting.training.checkpoint_store import LINKS, CheckpointStore
from runs_app.forecasting.training.event_log import EventLog
from runs_app.forecasting.training.record import FitRecord
from runs_app.forecasting.training.resume import newest
from runs_app.forecasting.whole_file import remove_unfinished

EPOCH_STEPS = 3
KEEP = 2
WEIGHTS = 200_000
LONGEST_LIFE_SECONDS = 0.12


def content_of(record: FitRecord) -> dict[str, Any]:
    """As large as a small network's, with the parts that are needed to go on."""
    return {
        "format": FORMAT,
        "config": {},
        "origin": {},
        "network": {"weights": torch.full((WEIGHTS,), float(record.step))},
        "optimizer": None,
        "record": record.state(),
        "order": {},
        "step": record.step,
        "epoch": record.epochs,
    }


def save_until_killed(run_dir: Path, seed: int, ready: int) -> None:
    """One trainer's life. Raises where it cannot go on from what the last one announced."""
    torch.set_num_threads(1)
    rng = random.Random(seed)
    for folder in (run_dir, run_dir / CHECKPOINT_DIR):
        remove_unfinished(folder)
    announced = recorded_checkpoints(run_dir).saved.values()
    log = EventLog(run_dir / EVENTS_FILE)
    store = CheckpointStore(run_dir, keep=KEEP, log=log)
    found = newest(cast("Any", SimpleNamespace(store=store, run_dir=run_dir)))
    record = FitRecord()
    if found is None:
        assert not announced
        store.clear()
    else:
        record.load(found.content["record"])
        assert record.step >= max((event.step for event in announced), default=0)
        store.adopt(found.event, found.best, record, found.recorded)
    os.write(ready, b".")
    while True:
        record.take_step(1.0)
        if record.epoch_steps < EPOCH_STEPS:
            store.save_last(content_of(record), epoch=record.epochs + 1, step=record.step)
            continue
        loss = rng.random()
        is_best = record.add({"val_loss": loss}, val_loss=loss)
        store.save_epoch(
            content_of(record),
            epoch=record.epochs,
            step=record.step,
            val_loss=loss,
            is_best=is_best,
        )
        if is_best:
            store.amend_best({"calibration": loss}, record)


def look(run_dir: Path) -> int:
    """Every announced checkpoint lies there and is what was written; how many there are."""
    recorded = recorded_checkpoints(run_dir)
    for path in recorded.saved:
        payload = (run_dir / path).read_bytes()
        hashes = {event.sha256 for event in recorded.accepts(path)}
        assert hashlib.sha256(payload).hexdigest() in hashes, path
        load_checkpoint(run_dir / path)
    fresh = recorded.unannounced
    others = {path for path in recorded.saved if fresh is None or path != fresh.path}
    for path in others:
        digest = hashlib.sha256((run_dir / path).read_bytes()).hexdigest()
        assert digest == recorded.saved[path].sha256, path
    return len(recorded.saved)


def kill_while_saving(run_dir: Path, *, kills: int, seed: int) -> int:
    """Kill as often, at moments chosen by ``seed``; how many checkpoints there are at the end."""
    rng = random.Random(seed)
    count = 0
    for number in range(kills):
        ready, tell = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                save_until_killed(run_dir, seed * 1000 + number, tell)
            except BaseException:  # noqa: BLE001 - the child ends here
                traceback.print_exc()
            os._exit(1)
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)
        time.sleep(rng.uniform(0.0, LONGEST_LIFE_SECONDS))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "the child failed by itself"
        count = look(run_dir)
    folder = run_dir / CHECKPOINT_DIR
    remove_unfinished(folder)
    names = {path.name for path in folder.iterdir()} - set(LINKS)
    assert len(names) <= KEEP + 4, names
    return count


if __name__ == "__main__":
    directory, how_often, chosen = sys.argv[1:]
    left = kill_while_saving(Path(directory), kills=int(how_often), seed=int(chosen))
    sys.stdout.write(f"{left}\n")

"""A checkpoint is data: whatever it holds, nothing of it runs."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runs_app.forecasting.errors import CheckpointDamaged
from runs_app.forecasting.events import INIT_FILE, CheckpointSaved, FitFailed, Reason
from runs_app.forecasting.recorded import note_written, recorded_checkpoints
from runs_app.forecasting.training.checkpoint import FORMAT, load_checkpoint
from runs_app.forecasting.training.fit import run
from tests.forecasting.training.conftest import write_run
from tests.forecasting.training.test_fit import events_of
from tests.forecasting.training.test_resume import config_for, interrupt, stopped_at


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.sentinel,)


def as_zip(path: Path, payload: Payload) -> None:
    torch.save({"format": FORMAT, "network": payload}, path)


def in_the_optimizer(path: Path, payload: Payload) -> None:
    torch.save({"format": FORMAT, "optimizer": {"state": [payload]}}, path)


def as_legacy(path: Path, payload: Payload) -> None:
    torch.save({"format": FORMAT, "network": payload}, path, _use_new_zipfile_serialization=False)


def as_plain_pickle(path: Path, payload: Payload) -> None:
    path.write_bytes(pickle.dumps(payload))


def as_object_array(path: Path, payload: Payload) -> None:
    torch.save({"format": FORMAT, "network": np.array([payload], dtype=object)}, path)


def as_tar(path: Path, payload: Payload) -> None:
    body = pickle.dumps(payload)
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            facts = tarfile.TarInfo(name)
            facts.size = len(body)
            archive.addfile(facts, io.BytesIO(body))


def as_script(path: Path, payload: Payload) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/constants.pkl", pickle.dumps(payload))
        archive.writestr("archive/data.pkl", pickle.dumps(payload))
        archive.writestr("archive/version", "3\n")


def as_bomb(path: Path, payload: Payload) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(payload))
        archive.writestr("archive/data/0", bytes(50_000_000))


FORMS = [
    as_zip, in_the_optimizer, as_legacy, as_plain_pickle, as_object_array, as_tar, as_script,
    as_bomb,
]  # fmt: skip


def test_the_payload_works_where_it_is_let(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", FORMS)
def test_no_payload_runs_when_a_checkpoint_is_read(
    form: Callable[[Path, Payload], None], tmp_path: Path
) -> None:
    form(tmp_path / "x.ckpt", Payload(tmp_path / "ran"))
    with pytest.raises(CheckpointDamaged, match=r"x\.ckpt"):
        load_checkpoint(tmp_path / "x.ckpt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", [as_zip, as_legacy, as_plain_pickle])
def test_no_payload_runs_when_a_fit_goes_on_even_from_a_recorded_file(
    form: Callable[[Path, Payload], None], tmp_path: Path, data_root: Path
) -> None:
    run_dir = write_run(tmp_path / "run", config_for(max_epochs=1))
    with stopped_at(3):
        interrupt(run_dir, data_root, resuming=False)
    (path, event), *_ = recorded_checkpoints(run_dir).saved.items()
    form(run_dir / path, Payload(tmp_path / "ran"))
    note_written(run_dir, recorded_as(run_dir / path, event))
    run(run_dir, data_root, progress=False, resuming=True)
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.DATA
    assert not (tmp_path / "ran").exists()


def recorded_as(path: Path, event: CheckpointSaved) -> CheckpointSaved:
    """The record of someone who can write the log as well."""
    return event.model_copy(update={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()})


def test_no_payload_runs_when_a_fit_starts_from_other_weights(
    tmp_path: Path, data_root: Path
) -> None:
    run_dir = write_run(tmp_path / "run", config_for(max_epochs=1))
    as_zip(run_dir / INIT_FILE, Payload(tmp_path / "ran"))
    run(run_dir, data_root, progress=False)
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, FitFailed)
    assert failed.reason is Reason.DATA
    assert "weights to start from cannot be used" in failed.message
    assert not (tmp_path / "ran").exists()

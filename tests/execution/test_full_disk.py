"""AC-23: a disk that is really full, which a small file system in memory is at once."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created
from django.test import Client
from pytest_django import Settings

from runs_app.choices import JobKind, JobReason, JobState, RunStatus
from runs_app.execution import data_files, jobs, lifecycle, patience, reconcile
from runs_app.execution.trainer_process import TrainerServer
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.data.fetch_wish import read_wish
from runs_app.forecasting.data.sample import FILE_NAME, write_sample
from runs_app.forecasting.errors import is_disk_full
from runs_app.forecasting.events import Reason
from runs_app.forecasting.prediction.forecast import Prediction, write_prediction
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.models import DataSet, Job, TrainingRun
from runs_app.services.upload_handler import CandleUploadHandler
from tests.exchange_server import MINUTE_MS, serving
from tests.execution.conftest import Background, claim, directory, supervise
from tests.execution.test_supervisor import assert_gap_free, wait_for

EPOCHS = 6
FIRST_MS = 1_704_067_200_000
SIZE = "8m"
"""Holds three checkpoints of the tiny network (2.2 MB) and not four."""


class SmallDisk:
    """A file system of its own at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Use up the last byte."""
        try:
            with (self.path / "ballast").open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
        except OSError:
            return

    def free(self) -> None:
        """Make room again, and more of it."""
        (self.path / "ballast").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=256m", self.path], check=True)


@pytest.fixture
def small_disk(tmp_path: Path, settings: object) -> Iterator[SmallDisk]:
    """MEDIA_ROOT on a disk of a few megabytes. It takes the right to mount; skipped without."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"FULL DISK NOT TESTED: nothing can be mounted here: {mounted.stderr.strip()}")
    settings.MEDIA_ROOT = place  # type: ignore[attr-defined]
    settings.RUNS_ROOT = place / "runs"  # type: ignore[attr-defined]
    settings.DATASETS_ROOT = place / "datasets"  # type: ignore[attr-defined]
    try:
        yield SmallDisk(place)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def checkpoints(run: TrainingRun) -> list[Path]:
    return sorted((directory(run) / "checkpoints").glob("*.ckpt"))


@pytest.mark.slow
@pytest.mark.usefixtures("transactional_db")
def test_a_checkpoint_that_does_not_fit_ends_the_run_and_spoils_nothing(
    small_disk: SmallDisk,
    real_server: TrainerServer,
    tmp_path: Path,
    settings: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "SETTLED_SECONDS", -60.0)
    candles = tmp_path / "candles"
    candles.mkdir()
    write_sample(candles / FILE_NAME, bars=6000)
    settings.DATA_ROOT = candles  # type: ignore[attr-defined]
    tree = {
        "data": {"source": FILE_NAME, "timeframes": ["1m"]},
        "horizons": {"short": "15m", "long": "1h"},
        "model": {"variant": "tiny", "context_bars": 32},
        "train": {
            "max_epochs": EPOCHS, "batch_size": 64, "steps_per_epoch": 2, "keep_checkpoints": 10,
            "early_stopping_patience": 0,
        },
    }  # fmt: skip
    run = lifecycle.create_run(compose_config(tree), {})

    Background(run, real_server).join(120)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, Reason.DISK_FULL), run.message
    assert_gap_free(run)
    saved = list(run.checkpoints.order_by("step"))
    assert saved, "the disk was full before the first checkpoint"
    assert len(saved) < EPOCHS, "the disk was never full"
    for row in saved:
        file = directory(run) / row.path
        assert hashlib.sha256(file.read_bytes()).hexdigest() == row.sha256
    for file in checkpoints(run):  # no partial file has a final name
        assert load_checkpoint(file)["step"]
    assert [file.name for file in directory(run).rglob("*.new")] == []
    assert reconcile.compare(verify=True).differences == []

    small_disk.free()
    assert lifecycle.retry(run.pk, saved[-1].step) is not None
    run.refresh_from_db()
    Background(run, real_server).join(120)

    run.refresh_from_db()
    assert (run.status, run.epoch) == (RunStatus.COMPLETED, EPOCHS), run.message
    assert run.metrics["resumed_from_step"] == saved[-1].step
    assert reconcile.compare(verify=True).differences == []


@pytest.mark.usefixtures("transactional_db")
def test_the_supervisors_own_files_do_not_fit(
    small_disk: SmallDisk, make_run: Callable[..., TrainingRun], server: TrainerServer
) -> None:
    run = make_run("complete")
    small_disk.fill()

    supervise(claim(run), server)

    run.refresh_from_db()
    assert (run.status, run.reason) == (RunStatus.FAILED, Reason.DISK_FULL), run.message
    assert [f.name for f in directory(run).iterdir() if f.name.endswith((".part", ".new"))] == []

    small_disk.free()
    assert lifecycle.retry(run.pk, None) is not None
    supervise(claim(run), server)
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED, run.message
    assert "tries" in (directory(run) / "context.json").read_text()


@pytest.mark.usefixtures("transactional_db")
def test_a_run_cannot_be_made_and_leaves_nothing(small_disk: SmallDisk, config: RunConfig) -> None:
    (small_disk.path / "runs").mkdir()
    small_disk.fill()

    with pytest.raises(OSError, match="No space left"):
        lifecycle.create_run(config, {})

    assert not TrainingRun.objects.exists()
    assert list((small_disk.path / "runs").iterdir()) == []


CANDLES = b"time,open,high,low,close,volume\n" + b"".join(
    b"2024-01-01T%02d:%02d:00Z,1,1,1,1,1\n" % (minute // 60 % 24, minute % 60)
    for minute in range(90_000)
)


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("moment", ["as it begins", "in the middle"])
def test_an_upload_that_does_not_fit_is_refused_and_leaves_nothing(
    small_disk: SmallDisk, settings: object, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    data = small_disk.path / "data"
    data.mkdir()
    settings.DATA_ROOT = data  # type: ignore[attr-defined]
    settings.DISK_RESERVE_PERCENT = 0  # type: ignore[attr-defined]
    method = {"as it begins": "new_file", "in the middle": "receive_data_chunk"}[moment]
    write = getattr(CandleUploadHandler, method)

    def fill_first(self: CandleUploadHandler, *arguments: object, **more: object) -> object:
        if moment != "in the middle" or self._written:
            small_disk.fill()
        return write(self, *arguments, **more)

    def send() -> tuple[int, str]:
        file = BytesIO(CANDLES)
        file.name = "mine.csv"
        answer = Client().post("/datasets", {"file": file}, headers={"accept": "application/json"})
        return answer.status_code, answer.content.decode()

    with monkeypatch.context() as patch:
        patch.setattr(CandleUploadHandler, method, fill_first)
        status, said = send()
    assert (status, "No space left on device" in said) == (507, True), said
    assert [file.name for file in data.iterdir()] == []
    assert not DataSet.objects.exists()

    small_disk.free()
    status, said = send()
    assert status == 201, said
    assert [file.name for file in data.iterdir()] == ["mine.csv"]


@pytest.mark.usefixtures("db")
def test_an_upload_that_gets_no_row_leaves_no_file(
    tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_ROOT = tmp_path  # type: ignore[attr-defined]

    def full(*_: object, **__: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(data_files, "notice", full)
    file = BytesIO(CANDLES)
    file.name = "mine.csv"
    browser = Client(raise_request_exception=False, headers={"accept": "application/json"})
    answer = browser.post("/datasets", {"file": file})
    assert answer.status_code == 503, answer.content
    assert [path.name for path in tmp_path.iterdir()] == []


@contextmanager
def full_database() -> Iterator[None]:
    """Nothing can be added to the SQLite file any more, whoever opens it."""

    def limit(connection: object, **_: object) -> None:
        with connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute("PRAGMA page_count")
            (pages,) = cursor.fetchone()
            cursor.execute(f"PRAGMA max_page_count = {pages}")

    connection_created.connect(limit)
    try:
        yield
    finally:
        connection_created.disconnect(limit)


@pytest.mark.usefixtures("transactional_db")
def test_a_full_database_delays_and_ends_nothing(
    make_run: Callable[..., TrainingRun],
    server: TrainerServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("A full PostgreSQL disk needs a server of its own.")
    monkeypatch.setattr(patience, "LONGEST_WAIT_SECONDS", 0.1)
    refused: list[str] = []
    waited = patience.Patience.spent

    run = make_run("flood")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # pages that earlier tests have left free would take the writes
    with full_database():

        def note(self: patience.Patience) -> bool:
            refused.append("full")
            return waited(self)

        monkeypatch.setattr(patience.Patience, "spent", note)
        background = Background(run, server)
        wait_for(lambda: len(refused) > 3)
        run.refresh_from_db()
        assert run.status == RunStatus.RUNNING
        with pytest.raises(OperationalError, match="full"):
            connection.close()
            TrainingRun.objects.bulk_create(
                [TrainingRun(name="x" * 200, config={"x": "y" * 4000}) for _ in range(50)]
            )
    connection.close()
    background.join(120)

    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED, run.message
    assert_gap_free(run)
    assert run.attempt == 1


@pytest.mark.django_db
def test_a_fetch_says_by_its_reason_that_the_disk_is_full(
    small_disk: SmallDisk, settings: Settings
) -> None:
    settings.FETCHES_ROOT = small_disk.path / "fetches"
    settings.DATA_ROOT = small_disk.path / "data"
    settings.DATA_ROOT.mkdir()
    with serving(FIRST_MS, FIRST_MS + 3000 * MINUTE_MS) as server:
        settings.EXCHANGE_MIRRORS = {"binance": server.url}
        wish = read_wish("binance", "BTC/USDT", "1m", "2024-01-01", "2024-01-10")
        job = Job.objects.create(kind=JobKind.FETCH, arguments=wish.model_dump())
        small_disk.fill()
        jobs.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.state, job.reason) == (JobState.FAILED, JobReason.DISK_FULL), job.message
    assert "Empty the trash" in job.message


def test_a_forecast_that_does_not_fit_leaves_nothing(small_disk: SmallDisk) -> None:
    table = pa.table({"value": np.random.default_rng(1).random(4_000_000)})
    prediction = Prediction(table=table, chart={}, notes=())
    small_disk.fill()
    with pytest.raises(OSError) as full:
        write_prediction(small_disk.path / "forecast.parquet", prediction)
    assert is_disk_full(full.value)
    assert [path.name for path in small_disk.path.iterdir()] == ["ballast"]

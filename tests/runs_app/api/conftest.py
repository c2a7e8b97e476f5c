"""A finished run with files, checkpoints and events."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runs_app.choices import ArtifactKind, EventKind, RunStatus
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.document import to_tree
from runs_app.models import RunEvent, TrainingRun

AT = datetime(2024, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def run(db: None, runs_root: Path) -> TrainingRun:
    """Completed, with two metric points, three log lines and one checkpoint."""
    config = to_tree(compose_config({"data": {"source": "BTCUSDT_1m.csv"}}))
    made = TrainingRun.objects.create(
        name="first", status=RunStatus.COMPLETED, config=config, request={"data_source": "x"},
        started_at=AT, finished_at=AT, attempt=1, last_seq=5,
        metrics={"val_loss": "NaN", "epoch": 2},
    )  # fmt: skip
    payloads = [
        (EventKind.METRICS, {"epoch": 1, "step": 10, "train_loss": 0.5}),
        (EventKind.LOG, {"line": 1, "count": 1, "message": "one", "stream": "console"}),
        (EventKind.METRICS, {"epoch": 2, "step": 20, "train_loss": "NaN"}),
        (
            EventKind.LOG,
            {"line": 2, "count": 2, "message": "two\ntwo and a half", "stream": "console"},
        ),
        (EventKind.LOG, {"line": 4, "count": 1, "message": "three", "stream": "console"}),
    ]
    RunEvent.objects.bulk_create(
        RunEvent(run=made, seq=seq, attempt=1, kind=kind, at=AT, payload=payload)
        for seq, (kind, payload) in enumerate(payloads, 1)
    )
    folder = runs_root / made.uid
    (folder / "checkpoints").mkdir(parents=True)
    for path, kind, content in (
        ("config.yaml", ArtifactKind.CONFIG, b"data: {}\n"),
        ("checkpoints/best.ckpt", ArtifactKind.CHECKPOINT, bytes(range(256)) * 4096),
    ):
        (folder / path).write_bytes(content)
        made.artifacts.create(
            path=path, kind=kind, size_bytes=len(content), created_at=AT,
            sha256=hashlib.sha256(content).hexdigest(),
        )  # fmt: skip
    made.checkpoints.create(
        path="checkpoints/best.ckpt", epoch=2, step=20, val_loss=0.25, is_best=True, is_last=True,
        size_bytes=1 << 20, sha256="0" * 64, created_at=AT,
    )  # fmt: skip
    return made

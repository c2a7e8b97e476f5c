"""Makes one object each, whole and valid; a test names only what it is about.

Rows are made directly: a factory starts nothing and announces nothing. Where a test is about the
making of a run, it calls ``services.launch.launch_run`` instead.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

from runs_app.choices import ArtifactKind, EventKind, RunStatus
from runs_app.execution.run_directory import path_of
from runs_app.forecasting.config.compose import compose_config
from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.environment import ENVIRONMENT_FILE, Environment, Environments
from runs_app.forecasting.evaluation.documents import (
    Comparison,
    LeakCheck,
    LeakFinding,
    Outcome,
    Record,
    Verdict,
)
from runs_app.models import Artifact, Checkpoint, DataSet, RunEvent, RunGroup, TrainingRun

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
"""The instant at which factory objects happen, unless a test says otherwise."""

_numbers = count(1)


def make_config(**sections: dict[str, Any]) -> RunConfig:
    """The preset ``tiny`` on ``sample.csv``; ``make_config(train={"seed": 7})`` changes fields."""
    base: dict[str, dict[str, Any]] = {
        "data": {"source": "sample.csv"},
        "model": {"variant": "tiny"},
    }
    merged = {name: base.get(name, {}) | sections.get(name, {}) for name in {*base, *sections}}
    return compose_config(merged)


def make_run(**fields: Any) -> TrainingRun:
    """A pending run without files."""
    fields.setdefault("name", f"run {next(_numbers)}")
    fields.setdefault("config", make_config().model_dump(mode="json"))
    return TrainingRun.objects.create(**fields)


def make_running_run(**fields: Any) -> TrainingRun:
    """A run that a worker has claimed and that has begun."""
    live = {"status": RunStatus.RUNNING, "attempt": 1, "worker": "worker-1", "started_at": MOMENT}
    return make_run(**(live | fields))


def make_completed_run(**fields: Any) -> TrainingRun:
    """A run that has ended well."""
    final = {"status": RunStatus.COMPLETED, "reason": "completed", "finished_at": MOMENT}
    return make_running_run(**(final | fields))


def make_event(run: TrainingRun, kind: EventKind = EventKind.METRICS, **payload: Any) -> RunEvent:
    """The next event of ``run``; keeps the run's ``last_seq`` right."""
    run.last_seq += 1
    run.save(update_fields=["last_seq"])
    return RunEvent.objects.create(
        run=run, seq=run.last_seq, attempt=run.attempt, kind=kind, at=MOMENT, payload=payload
    )


def make_checkpoint(run: TrainingRun, epoch: int = 1, **fields: Any) -> Checkpoint:
    """The checkpoint of one epoch, as a row without a file."""
    fields.setdefault("path", f"checkpoints/checkpoint-epoch{epoch}.ckpt")
    fields.setdefault("step", epoch * 100)
    fields.setdefault("val_loss", 1.0 / epoch)
    facts = {"size_bytes": 1000, "sha256": "0" * 64, "created_at": MOMENT}
    return Checkpoint.objects.create(run=run, epoch=epoch, **(facts | fields))


def make_artifact(run: TrainingRun, path: str = "metrics.json", **fields: Any) -> Artifact:
    """One file of a run, as a row without a file."""
    facts = {"kind": ArtifactKind.METRICS, "size_bytes": 10, "created_at": MOMENT}
    return Artifact.objects.create(run=run, path=path, **(facts | fields))


def write_environment(run: TrainingRun, **fields: Any) -> None:
    """``environment.json`` of a run, with one attempt on a CPU; makes the run's directory."""
    facts: dict[str, Any] = {
        "attempt": 1, "at": MOMENT, "python": "3.11.7", "platform": "Linux", "torch": "2.13.0",
        "device": "CPU", "devices": 1, "threads": 2, "processor": "x86", "compiled": False,
        "packages": {"numpy": "2.0.0", "torch": "2.13.0"},
        "code": {"commit": "c" * 40, "dirty": False, "diff_sha256": "", "core_sha256": "e" * 64},
        "data": {"source": "x.csv", "source_sha256": "a", "candles_sha256": "b", "candles": 5},
        "ledger": {
            "decision_timeframe": "1m", "candles": 5, "decision_bars": 5, "warmup": 1, "tail": 1,
            "gap": 1, "between": 1, "used": 1, "parts": (),
        },
        "purge_seconds": 60, "tries": 1,
    }  # fmt: skip
    directory = path_of(run.uid)
    directory.mkdir(parents=True, exist_ok=True)
    text = Environments(attempts=(Environment(**(facts | fields)),)).model_dump_json()
    (directory / ENVIRONMENT_FILE).write_text(text)


def make_data_set(**fields: Any) -> DataSet:
    """A healthy data set of 1m candles, as a row without a file."""
    number = next(_numbers)
    facts = {"name": f"candles {number}", "path": f"candles{number}.csv", "timeframe": "1m"}
    return DataSet.objects.create(**(facts | {"bars": 10_000} | fields))


def make_verdict(outcome: Outcome = Outcome.BEATS, **fields: Any) -> Verdict:
    """A verdict by CRPS and NLL against one baseline."""
    comparisons = tuple(
        Comparison(
            baseline="garch", score=score, model=model, reference=reference, skill=skill,
            skill_low=skill - 0.01, skill_high=skill + 0.01, statistic=-3.5, p_value=0.0004,
            outcome=outcome,
        )
        for score, model, reference, skill in (
            ("crps", 0.000512, 0.000525, 0.0248), ("nll", -5.4321, -5.4012, 0.0309),
        )
    )  # fmt: skip
    facts: dict[str, Any] = {
        "outcome": outcome, "edge": outcome is Outcome.BEATS, "baseline": "garch", "rows": 12_345,
        "sentence": f"It {outcome} GARCH(1,1)-t on the test part.", "comparisons": comparisons,
    }  # fmt: skip
    return Verdict(**(facts | fields))


def make_leak_check(*, passed: bool = True) -> LeakCheck:
    """A leak check of two findings; the second one fails where it has not passed."""
    findings = (
        LeakFinding(name="features", passed=True, detail="12 features agree on cut data."),
        LeakFinding(
            name="shuffled_labels", passed=passed, detail="Skill 0.001 on shuffled labels."
        ),
    )
    return LeakCheck(passed=passed, findings=findings, seconds=3.25)


def as_stored(record: Record) -> Any:
    """A record of the core as a column holds it."""
    return json.loads(record.model_dump_json())


def make_group(folds: int = 2, seeds: int = 2, **fields: Any) -> RunGroup:
    """A group of completed runs, all judged alike; ``skill`` differs a little from run to run."""
    config = make_config(train={"seed": 7})
    group = RunGroup.objects.create(
        name=fields.get("name", "a group"), folds=folds, seeds=seeds,
        scheme="expanding" if folds > 1 else "", config=config.model_dump(mode="json"),
    )  # fmt: skip
    for fold in range(1, folds + 1):
        dates = {
            "test_start": f"2024-0{fold}-01T00:00:00Z", "test_end": f"2024-0{fold + 1}-01T00:00:00Z"
        }  # fmt: skip
        for seed in range(7, 7 + seeds):
            made = make_config(data=dates if folds > 1 else {}, train={"seed": seed})
            base = make_verdict()
            shift = 0.001 * fold + 0.0001 * (seed - 7)
            comparisons = tuple(
                one.model_copy(update={"skill": one.skill + shift}) for one in base.comparisons
            )
            verdict = base.model_copy(update={"comparisons": comparisons})
            make_completed_run(
                group=group, fold=fold, seed=seed, name=f"fold {fold} seed {seed}",
                config=made.model_dump(mode="json"), outcome="beats", verdict=as_stored(verdict),
            )  # fmt: skip
    return group

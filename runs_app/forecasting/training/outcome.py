"""The end of a fit: scores of the best weights, the verdict, the files, the last event."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from runs_app.forecasting.counted import counted
from runs_app.forecasting.evaluation.judged_rows import FedWith
from runs_app.forecasting.events import (
    METRICS_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
    FitFinished,
    Reason,
)
from runs_app.forecasting.progress import advance
from runs_app.forecasting.training.calibration import calibrate, calibrated, calibration_lines
from runs_app.forecasting.training.checkpoint import load_checkpoint
from runs_app.forecasting.training.evidence import gather
from runs_app.forecasting.training.judgement import judge_fit
from runs_app.forecasting.training.leak_check import check_leaks, log_leaks
from runs_app.forecasting.training.predictions import prediction_table, write_predictions
from runs_app.forecasting.training.summary import write_summary
from runs_app.forecasting.whole_file import write_whole

if TYPE_CHECKING:
    from runs_app.forecasting.training.assembly import Fit
    from runs_app.forecasting.training.evidence import Evidence

    Scores = dict[str, float | None]

LOG = logging.getLogger(__name__)
SCORED = ("validation", "test")


def complete(fit: Fit, *, device: str, seconds: float) -> FitFinished:
    """Score and judge the best weights, write the files. Raises ``StopRequested`` in between."""
    record = fit.record
    network = fit.module.network.to(fit.device)
    network.load_state_dict(load_checkpoint(fit.store.best_path, device=fit.device)["network"])
    scores: dict[str, Scores] = {}
    evidence: dict[str, Evidence] = {}
    for split in SCORED:
        rows = fit.rows(split)
        forecast = fit.evaluator.forecast(network, rows)
        scores[split] = fit.evaluator.score(forecast, rows)
        evidence[split] = gather(fit, split, forecast)
        advance()
    corrections = calibrate(evidence["validation"])
    calibration = corrections.model.model_dump(mode="json")
    fit.store.amend_best({"calibration": calibration}, record)
    evidence = {split: calibrated(one, corrections) for split, one in evidence.items()}
    for split, one in evidence.items():
        scores[split] |= one.shipped_scores()
        advance()
    tables = [prediction_table(one, split=split) for split, one in evidence.items()]
    write_predictions(fit.run_dir / PREDICTIONS_FILE, tables, _fed(fit))
    advance()
    leaks = check_leaks(fit.config, fit.data, check_stop=fit.stop.check)
    log_leaks(leaks)
    advance()
    judgement = judge_fit(fit, evidence["test"], leaks)
    write_whole(fit.run_dir / REPORT_FILE, judgement.report.model_dump_json() + "\n")
    message = (
        f"Completed {counted(record.epochs, 'epoch')}; the best was epoch {record.best_epoch}."
    )
    if record.stopped_early:
        message = (
            f"Stopped early after {counted(record.epochs, 'epoch')}: "
            f"{record.epochs_without_gain:,} in a row "
            f"without a lower validation loss; the best was epoch {record.best_epoch}."
        )
    LOG.info(message)
    lines = (*calibration_lines(corrections), _score_line(scores))
    for sentence in (*lines, judgement.verdict.sentence, *judgement.verdict.remarks):
        LOG.info(sentence)
    summary = {
        "scores": {split: one.scores() for split, one in evidence.items()},
        "directions": {split: one.direction_scores() for split, one in evidence.items()},
        "calibration": calibration,
        "baselines": corrections.described(fit.baselines.parameters()),
        "verdict": judgement.verdict.model_dump(mode="json"),
        "trading": judgement.trading.model_dump(mode="json"),
        "leaks": leaks.model_dump(mode="json"),
        "device": device,
        "seconds": round(seconds, 3),
    }
    finished = _finish(fit, Reason.COMPLETED, message, scores, summary)
    return finished.model_copy(update={"verdict": judgement.verdict, "leaks": leaks})


def _fed(fit: Fit) -> FedWith:
    return FedWith(
        scalers=fit.data.scalers,
        volatility_floor=fit.data.volatility_floor,
        target_scale=fit.table.target_scale,
    )


def cancel(fit: Fit, *, device: str, seconds: float) -> FitFinished:
    """Save where the fit stands, write what is known."""
    record = fit.record
    step = record.step
    if step > fit.store.saved_step:
        fit.saver.save()
    done = f"{counted(step, 'step')} and {counted(record.epochs, 'whole epoch')}"
    message = f"Cancelled on request after {done}."
    LOG.info(message)
    return _finish(
        fit, Reason.CANCELLED, message, {}, {"device": device, "seconds": round(seconds, 3)}
    )


def _finish(
    fit: Fit,
    reason: Reason,
    message: str,
    scores: dict[str, Scores],
    more: dict[str, Any],
) -> FitFinished:
    if fit.store.saved_step:
        summary = {"reason": reason.value, "message": message, **_summary(fit, scores), **more}
        write_summary(fit.run_dir / METRICS_FILE, summary)
    short = {"validation": "val", "test": "test"}
    metrics = {
        f"{short[split]}_{name}": value
        for split, values in scores.items()
        for name, value in values.items()
    }
    return FitFinished(reason=reason, message=message, metrics=metrics)


def _summary(fit: Fit, scores: dict[str, Scores]) -> dict[str, Any]:
    return {
        "best_epoch": fit.record.best_epoch,
        "epochs": fit.record.epochs,
        "steps": fit.record.step,
        **{split: scores.get(split) for split in SCORED},
        "baselines": fit.baselines.parameters(),
        "data": {
            "source": fit.config.data.source,
            "candles_sha256": fit.data.fingerprint,
            "candles": len(fit.data.candles),
        },
        "samples": {split: len(rows) for split, rows in fit.data.splits.items()},
        "target_scale": fit.table.target_scale,
        "parameters": fit.parameters,
        "history": fit.record.history,
    }


def _score_line(scores: dict[str, Scores]) -> str:
    parts = []
    for split in SCORED:
        known = {name: value for name, value in scores[split].items() if value is not None}
        figures = [f"{n.upper()} {known[n]:.5g}" for n in ("nll", "crps", "pinball") if n in known]
        parts.append(", ".join([f"{split}: loss {known['loss']:.4f}", *figures]))
    return f"Best weights on {'; '.join(parts)}"

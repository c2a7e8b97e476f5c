"""``docs/results.md`` as text, from what the fits of ``bin/results`` wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from runs_app.forecasting.evaluation.documents import BASELINES

WHOLE = "network with realised variance"
SHOWN = ("nll", "crps", "rmse", "mae")
OF_SPAN = ("train:", "validation:", "test:")

INTRODUCTION = (
    "Written by `bin/results DATA_DIR`, which trains everything below through the product's own",
    "way (`training.fit.run`); no figure is typed by hand. BTC/USD on Bitfinex, 2016 to 2018, 1m",
    "candles. Scores are of the test part: CRPS, RMSE and MAE in units of 1e-5 log-return, NLL in",
    "nats, lower is better. The model is calibrated on validation. p is Diebold-Mariano's,",
    "two-sided, with HAC variance; intervals are 95 % block-bootstrap intervals. All seeds of the",
    "model are shown; means and ranges are over seeds, never the best one.",
    "",
    "No weight, checkpoint or calibration has seen the test part. Its authors have: that realised",
    "variance and mixtures of several memories were taken up at all was decided with these candles",
    "in view, so that the p-values flatter the design, though not the fit.",
)

CHANGES_SAY = (
    "*Untrained*: the network of the first moment, whose forecast is the fitted mixture of",
    "volatilities (one step at a learning rate of 1e-9). Variants other than the whole are trained",
    "with the first seed alone. The largest p is over both scores and all seeds; where the scores",
    "are worse than GARCH's, a small p means that GARCH is better.",
)


@dataclass(frozen=True)
class Trained:
    """One fit: its seed, how long it took, its ``metrics.json``, what it said of its data."""

    seed: int
    seconds: float
    metrics: dict[str, Any]
    notes: tuple[str, ...]

    def comparison(self, baseline: str, score: str) -> dict[str, Any]:
        """The verdict's comparison with one baseline by one score."""
        found: dict[str, Any] = next(
            row
            for row in self.metrics["verdict"]["comparisons"]
            if row["baseline"] == baseline and row["score"] == score
        )
        return found


@dataclass(frozen=True)
class Study:
    """All fits of one decision timeframe, by the change they show."""

    name: str
    overrides: tuple[str, ...]
    changes: dict[str, list[str]]
    fits: dict[str, list[Trained]]


def page(files: list[tuple[str, int, str]], studies: list[Study], *, common: list[str]) -> str:
    """The whole document."""
    lines = [
        "# Results on real candles",
        "",
        *INTRODUCTION,
        "",
        *_table(
            ("file", "candles", "SHA-256"),
            [(f"`{name}`", f"{count:,}", f"`{digest}`") for name, count, digest in files],
        ),
        "",
        f"Every fit: `{' '.join(common)}`, and the overrides of its section.",
    ]
    for study in studies:
        lines += ["", *_study(study)]
    return "\n".join(lines) + "\n"


def _study(study: Study) -> list[str]:
    runs = study.fits[WHOLE]
    first = runs[0]
    spans = [f"- {note}" for note in first.notes if note.startswith(OF_SPAN)]
    return [
        f"## Decisions at every {study.name} close",
        "",
        f"`{' '.join(study.overrides)}`",
        "",
        *spans,
        "",
        "### What the product says of each run",
        "",
        *[f"- seed {run.seed}: {run.metrics['verdict']['sentence']}" for run in runs],
        "",
        "### Scores",
        "",
        *_scores(runs),
        "",
        "### Against each baseline",
        "",
        *_comparisons(runs),
        "",
        "### Which change brought how much",
        "",
        *_changes(study),
        "",
        "### Coverage, costs, time",
        "",
        *_remarks(runs),
    ]


def _scores(runs: list[Trained]) -> list[str]:
    def figure(name: str, score: str) -> str:
        values = [run.metrics["scores"]["test"][name].get(score) for run in runs]
        if any(value is None for value in values):
            return "–"
        return _range([_shown(score)(value) for value in values], _digits(score))

    names = ("model", "model_uncalibrated", *BASELINES)
    words = {"model": "**model**", "model_uncalibrated": "model, not calibrated", **BASELINES}
    rows = [(words[name], *(figure(name, score) for score in SHOWN)) for name in names]
    return _table(("test", "NLL", "CRPS", "RMSE", "MAE"), rows)


def _comparisons(runs: list[Trained]) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for score in ("crps", "nll"):
        for baseline, words in BASELINES.items():
            for run in runs:
                row = run.comparison(baseline, score)
                scale, unit = (100.0, " %") if score == "crps" else (1.0, " nats")
                low, middle, high = (
                    f"{scale * row[key]:.3g}" for key in ("skill_low", "skill", "skill_high")
                )
                rows.append(
                    (
                        score.upper(), words, str(run.seed), f"{middle}{unit}", f"{low} to {high}",
                        f"{row['statistic']:.2f}", _p(row["p_value"]), row["outcome"],
                    )
                )  # fmt: skip
    head = ("score", "baseline", "seed", "better by", "interval", "DM", "p", "outcome")
    return _table(head, rows)


def _changes(study: Study) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for change, overrides in study.changes.items():
        runs = study.fits[change]
        against = [run.comparison("garch", score) for score in ("nll", "crps") for run in runs]
        worst = max(float(row["p_value"]) for row in against)
        rows.append(
            (
                change,
                " ".join(f"`{text}`" for text in overrides) or "none",
                _range([run.metrics["scores"]["test"]["model"]["nll"] for run in runs], 4),
                _range([1e5 * run.metrics["scores"]["test"]["model"]["crps"] for run in runs], 2),
                _p(worst),
                _range([run.seconds for run in runs], 0),
            )
        )
    head = ("variant", "overrides", "NLL", "CRPS", "largest p against GARCH", "seconds")
    return [
        *_table(head, rows),
        "",
        *CHANGES_SAY,
    ]


def _remarks(runs: list[Trained]) -> list[str]:
    lines = []
    for run in runs:
        best, epochs = run.metrics["best_epoch"], run.metrics["epochs"]
        took = f"{run.seconds:.0f} s on {run.metrics['device']}, best epoch {best} of {epochs}"
        lines.append(f"- seed {run.seed} ({took}): {' '.join(run.metrics['verdict']['remarks'])}")
    return lines


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _range(values: list[float], digits: int) -> str:
    """The mean, and from least to most where they differ as written."""
    low, high = f"{min(values):,.{digits}f}", f"{max(values):,.{digits}f}"
    middle = f"{mean(values):,.{digits}f}"
    return middle if low == high else f"{middle} ({low} to {high})"


def _shown(score: str) -> Callable[[float], float]:
    return (lambda value: value) if score == "nll" else (lambda value: 1e5 * value)


def _digits(score: str) -> int:
    return 4 if score == "nll" else 2


def _p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"

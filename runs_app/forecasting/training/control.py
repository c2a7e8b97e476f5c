"""The shuffled-label control: a network that is asked the unknowable must not know it.

The run's own bars are drawn anew in random order, with replacement, and chained to a market in
which every next move is independent of all that came before. Candles, features, joins, labels and
parts are made from it by the run's own code, and a small network is trained on them. No forecaster
can beat the constant distribution here, except one that is told the label; so any skill is a leak.

Shuffling only the labels, after the inputs were made, would not do: it would also cut the tie
between a label and the input through which it leaks, and the control could never fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
import torch
from torch import Tensor, nn

from runs_app.forecasting.baselines.student import fit_student_t
from runs_app.forecasting.config.schema import (
    DataConfig,
    HorizonsConfig,
    LossKind,
    ModelConfig,
    RunConfig,
    TrainConfig,
)
from runs_app.forecasting.config.timeframes import duration_seconds
from runs_app.forecasting.data.candles import MS, Candles
from runs_app.forecasting.data.prepare import PreparedData, prepare_candles
from runs_app.forecasting.data.resample import Bars, resample
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.evaluation.documents import LeakFinding
from runs_app.forecasting.evaluation.predictive import Family, FloatArray, Predictive
from runs_app.forecasting.evaluation.scores import nll
from runs_app.forecasting.evaluation.significance import diebold_mariano
from runs_app.forecasting.losses.density import student_t_nll
from runs_app.forecasting.losses.forecast import Forecast
from runs_app.forecasting.network.heads import Distribution, StudentTHead
from runs_app.forecasting.network.volatility import VolatilityMixture
from runs_app.forecasting.progress import advance
from runs_app.forecasting.training.feed import DecisionTable, TrainingFeed
from runs_app.forecasting.training.optimizer import build_optimizer, learning_rate_share
from runs_app.forecasting.training.predictive import predictive_of

NAME = "shuffled_labels"

SIGNIFICANCE = 0.01
"""Two-sided, and only a network that is better counts: under 0.5 % of honest pipelines fail."""

LEAST_DECISIONS, MOST_DECISIONS = 4000, 8000
LEAST_STEPS, MOST_STEPS = 80, 240
MOST_BARS = 400_000
"""Timeframes whose warm-up alone takes more bars are left out; the other checks see them."""
CONTEXT_BARS = 8
NEWEST_BARS = 2
WIDTH = 32
BATCH_SIZE = 128
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.1
WARMUP_STEPS = 20


@dataclass(frozen=True)
class Skill:
    """How the network did on shuffled bars, against the constant distribution."""

    gain: float
    """Nats per decision by which the network is better; below zero where it is worse."""
    p_value: float
    decisions: int
    steps: int
    timeframes: tuple[str, ...]

    @property
    def knows(self) -> bool:
        """Whether it knows what cannot be known."""
        return self.gain > 0.0 and self.p_value < SIGNIFICANCE


def shuffled_label_control(
    config: RunConfig,
    candles: Candles,
    *,
    decisions: int,
    seed: int,
    check_stop: Callable[[], None],
) -> LeakFinding:
    """``candles``: the run's own; ``decisions``: how many it uses.

    The state of torch's own generator is the same before and after.
    """
    skill = skill_on_shuffled_bars(
        config, candles, decisions=decisions, seed=seed, check_stop=check_stop
    )
    setting = (
        f"A small network, trained for {skill.steps} steps on bars in random order "
        f"({', '.join(skill.timeframes)}), is {abs(skill.gain):.4f} nats per decision "
        f"{'better' if skill.gain > 0 else 'worse'} than the constant distribution on "
        f"{skill.decisions:,} decisions (p {skill.p_value:.2g})"
    )
    if skill.knows:
        said = f"{setting}: it knows what cannot be known, so an input holds a label."
    else:
        said = f"{setting}: it knows nothing there, as it should; better with p below "
        said += f"{SIGNIFICANCE:g} would be a leak."
    return LeakFinding(name=NAME, passed=not skill.knows, detail=said)


def skill_on_shuffled_bars(
    config: RunConfig,
    candles: Candles,
    *,
    decisions: int,
    seed: int,
    check_stop: Callable[[], None],
) -> Skill:
    """Draw, prepare, train and compare. Raises what ``check_stop`` raises, between steps."""
    wanted = int(np.clip(decisions, LEAST_DECISIONS, MOST_DECISIONS))
    steps = int(np.clip(decisions // 100, LEAST_STEPS, MOST_STEPS))
    small = _small_config(config, seed)
    bars = resample(candles, small.data.ordered_timeframes[0])
    drawn = shuffled(bars, _bars_needed(small, wanted), np.random.default_rng([seed, 2]))
    data = prepare_candles(small, drawn)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _trained(small, data, steps, check_stop)
    advance()
    rows = data.splits["validation"]
    outcome = data.target[rows].double().numpy()
    test = diebold_mariano(
        nll(model, outcome),
        nll(_constant(data, len(rows)), outcome),
        horizon_bars=config.horizons.next_bars,
    )
    return Skill(
        gain=-test.mean_difference,
        p_value=test.p_value,
        decisions=len(rows),
        steps=steps,
        timeframes=data.timeframes,
    )


def shuffled(bars: Bars, count: int, rng: np.random.Generator) -> Candles:
    """``count`` candles without holes; each has the shape and volume of a random one of ``bars``.

    The mean move is taken out, so that prices neither vanish nor overflow.
    """
    before = bars.close[:-1]
    shapes = {name: getattr(bars, name)[1:] / before for name in ("open", "high", "low", "close")}
    level = np.exp(np.log(shapes["close"]).mean())
    drawn = rng.integers(0, len(before), count)
    moves = np.log(shapes["close"][drawn] / level)
    start = bars.close[0] * np.exp(np.concatenate([[0.0], np.cumsum(moves)[:-1]])) / level
    prices: dict[str, FloatArray] = {name: start * shape[drawn] for name, shape in shapes.items()}
    bar_seconds = duration_seconds(bars.timeframe)
    times = bars.open_time[0] + bar_seconds * MS * np.arange(count, dtype=np.int64)
    return Candles(
        open_time=times, **prices, volume=bars.volume[1:][drawn], bar_seconds=bar_seconds
    )


def _small_config(config: RunConfig, seed: int) -> RunConfig:
    """The run's features and its next horizon; the shortest directions and context."""
    bar = duration_seconds(config.data.decision_timeframe)
    return RunConfig(
        data=DataConfig(
            source=config.data.source,
            timeframes=_timeframes(config),
            decision=config.data.decision_timeframe,
            train_fraction=0.6,
            validation_fraction=0.35,
            max_gap_bars=0,
        ),
        features=config.features,
        horizons=HorizonsConfig(
            next_bars=config.horizons.next_bars,
            short=f"{bar // 60}m",
            long=f"{2 * bar // 60}m",
        ),
        model=ModelConfig(context_bars=CONTEXT_BARS, patch_length=CONTEXT_BARS),
        train=TrainConfig(
            batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            weight_decay=WEIGHT_DECAY,
            seed=seed,
        ),
    )


def _timeframes(config: RunConfig) -> tuple[str, ...]:
    """Those of the run for which ``MOST_BARS`` of the shortest are enough."""
    bar = duration_seconds(config.data.decision_timeframe)
    finer = [
        name
        for name in config.data.ordered_timeframes
        if duration_seconds(name) * MOST_BARS >= LEAST_DECISIONS * bar
    ]
    longest = duration_seconds(finer[0]) * MOST_BARS / (WARMUP_BARS + CONTEXT_BARS)
    return tuple(name for name in finer if duration_seconds(name) <= longest)


def _bars_needed(small: RunConfig, wanted: int) -> int:
    """Bars of the shortest timeframe that leave ``wanted`` decisions, or as many as are allowed.

    Besides them there are the warm-up, the purges and the decisions at the end without an outcome.
    """
    shortest, longest = (duration_seconds(small.data.ordered_timeframes[i]) for i in (0, -1))
    bar = duration_seconds(small.data.decision_timeframe)
    decisions = min(wanted, MOST_BARS * shortest // bar)
    warm = (WARMUP_BARS + CONTEXT_BARS + 1) * longest
    purges = 3 * int(small.purge.total_seconds())
    return (warm + purges + decisions * bar) // shortest


class NewestBarsNetwork(nn.Module):
    """Two layers on the newest bars of S timeframes; the run's own Student-t head on top.

    ``features``: number of features per timeframe. Any input that holds a label shows in the newest
    bars, and few weights learn it in few steps without learning noise by heart.
    """

    def __init__(self, features: Sequence[int]) -> None:
        super().__init__()
        self.state = nn.Sequential(nn.Linear(NEWEST_BARS * sum(features), WIDTH), nn.GELU())
        self.volatility = VolatilityMixture()
        self.head = StudentTHead(WIDTH)

    def forward(self, windows: Sequence[Tensor], log_volatility: Tensor) -> Distribution:
        """S windows [B, L, F], [B, K] -> the parameters of B distributions."""
        newest = [window[:, -NEWEST_BARS:].flatten(1) for window in windows]  # S of [B, K F]
        state = self.state(torch.cat(newest, dim=-1))
        found: Distribution = self.head(state, self.volatility(log_volatility))
        return found


def _trained(
    small: RunConfig, data: PreparedData, steps: int, check_stop: Callable[[], None]
) -> Predictive:
    """What a network trained on the train part says about the validation part."""
    table = DecisionTable.on_device(
        data, context_bars=small.model.context_bars, device=torch.device("cpu")
    )
    feed = TrainingFeed(table, data.splits["train"], batch_size=BATCH_SIZE, seed=small.train.seed)
    network = NewestBarsNetwork([len(names) for names in data.feature_names])
    train = data.splits["train"]
    network.volatility.start_from(
        table.log_volatility[train], table.target[train], kind=LossKind.STUDENT_T
    )
    optimizer = build_optimizer(network, small.train)
    passes = chain.from_iterable(repeat(feed))
    for step in range(steps):
        check_stop()
        advance()
        share = learning_rate_share(step, warmup_steps=WARMUP_STEPS, planned_steps=steps)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * share
        batch = next(passes)
        optimizer.zero_grad(set_to_none=True)
        said = network(batch.windows, batch.log_volatility)
        loss = student_t_nll(forecast=_forecast(said), target=batch.target)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), small.train.gradient_clip)
        optimizer.step()
    with torch.inference_mode():
        batch = table.batch(data.splits["validation"])
        said = network(batch.windows, batch.log_volatility)
    return predictive_of(_forecast(said), LossKind.STUDENT_T, target_scale=table.target_scale)


def _forecast(said: Distribution) -> Forecast:
    """The distribution as the losses take it; the control asks for no directions."""
    none = torch.empty((len(said.location), 0))
    return Forecast(*said, none, none)


def _constant(data: PreparedData, count: int) -> Predictive:
    """The most likely Student-t of the train part, ``count`` times."""
    shape = fit_student_t(data.target[data.splits["train"]].double().numpy(), free_location=True)
    return Predictive(
        family=Family.STUDENT_T,
        location=np.full(count, shape.location),
        scale=np.full(count, shape.scale),
        df=np.full(count, shape.df),
    )

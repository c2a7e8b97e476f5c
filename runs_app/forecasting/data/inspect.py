"""Facts about a candle file, and whether a configuration fits them. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from runs_app.forecasting.config.schema import RunConfig
from runs_app.forecasting.config.timeframes import TIMEFRAMES, duration_seconds
from runs_app.forecasting.data.splits import LEAST_DECISIONS
from runs_app.forecasting.data.warmup import WARMUP_BARS
from runs_app.forecasting.errors import FieldError
from runs_app.forecasting.utc import instant

if TYPE_CHECKING:  # it brings pandas and pyarrow, which the web side does without
    from runs_app.forecasting.data.candles import Candles

_UNITS = (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


@dataclass(frozen=True)
class CandleFacts:
    """What a candle file holds; ``first_open`` and ``last_open`` are when bars open (UTC)."""

    timeframe: str
    bar_seconds: int
    bars: int
    first_open: datetime
    last_open: datetime
    notes: tuple[str, ...] = ()

    @property
    def last_close(self) -> datetime:
        """When the last bar closes (UTC): the end of what is known."""
        return self.last_open + timedelta(seconds=self.bar_seconds)


def facts_of(candles: Candles, notes: tuple[str, ...] = ()) -> CandleFacts:
    """The facts of candles already read."""
    return CandleFacts(
        timeframe=bar_name(candles.bar_seconds),
        bar_seconds=candles.bar_seconds,
        bars=len(candles),
        first_open=instant(candles.open_time[0]),
        last_open=instant(candles.open_time[-1]),
        notes=notes,
    )


def bar_name(seconds: int) -> str:
    """The shortest way to say a bar's length: 300 is ``5m``, 7200 is ``2h``."""
    unit, size = next((u, s) for u, s in _UNITS if seconds % s == 0)
    return f"{seconds // size}{unit}"


def check_against(config: RunConfig, facts: CandleFacts) -> list[FieldError]:
    """Every way in which the configuration asks for more than the file holds.

    Only what is certain from the facts is refused; holes in the data can still leave too little,
    which ``prepare`` finds out.
    """
    errors = [*_check_timeframes(config, facts), *_check_dates(config, facts)]
    return errors or _check_length(config, facts) or _check_test(config, facts)


def _check_timeframes(config: RunConfig, facts: CandleFacts) -> list[FieldError]:
    wrong = [name for name in config.data.timeframes if duration_seconds(name) % facts.bar_seconds]
    if not wrong:
        return []
    fitting = [name for name in TIMEFRAMES if duration_seconds(name) % facts.bar_seconds == 0]
    choice = f"choose from {', '.join(fitting)}" if fitting else "choose other data"
    return [
        FieldError(
            "data.timeframes",
            f"{' and '.join(wrong)} cannot be made from this file's {facts.timeframe} candles; "
            f"{choice}",
        )
    ]


def _check_dates(config: RunConfig, facts: CandleFacts) -> list[FieldError]:
    """Dates lie inside the data, give or take the rest of the first and the last day."""
    span = f"the data runs from {_say(facts.first_open)} to {_say(facts.last_close)} UTC"
    errors = []
    midnight = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}
    first_day = facts.first_open.replace(**midnight)  # type: ignore[arg-type]
    day_after = facts.last_open.replace(**midnight) + timedelta(days=1)  # type: ignore[arg-type]
    start, end = config.data.start, config.data.end
    if start is not None and not first_day <= start < facts.last_close:
        errors.append(FieldError("data.start", f"{_say(start)} is outside the data: {span}"))
    if end is not None and not facts.first_open < end <= day_after:
        errors.append(FieldError("data.end", f"{_say(end)} is outside the data: {span}"))
    for name in ("test_start", "test_end"):
        at = getattr(config.data, name)
        if at is not None and not facts.first_open < at <= day_after:
            errors.append(FieldError(f"data.{name}", f"{_say(at)} is outside the data: {span}"))
    return errors


def _check_length(config: RunConfig, facts: CandleFacts) -> list[FieldError]:
    """Enough decisions are left in each part after warm-up, labels and purges."""
    start = max(config.data.start or facts.first_open, facts.first_open)
    end = min(config.data.end or facts.last_close, facts.last_close)
    bar = duration_seconds(config.data.decision_timeframe)
    slowest = config.data.ordered_timeframes[-1]
    window_bars = WARMUP_BARS + config.model.context_bars
    warm = window_bars * duration_seconds(slowest)
    longest = max(config.horizons.next_bars * bar, duration_seconds(config.horizons.long))
    purges = 2 * int(config.purge.total_seconds())
    shares = {
        "train": config.data.train_fraction,
        "validation": config.data.validation_fraction,
        "test": 1 - config.data.train_fraction - config.data.validation_fraction,
    }
    parts = max(LEAST_DECISIONS[part] / share for part, share in shares.items()) * bar
    needed = warm + longest + purges + parts
    have = (end - start).total_seconds()
    if have < needed:
        path = "data.timeframes" if warm > longest + purges else "horizons.long"
        return [
            FieldError(
                path,
                f"there are {_bars(have, bar)} bars of {config.data.decision_timeframe} from "
                f"{_say(start)} to {_say(end)}, but at least {_bars(needed, bar)} are needed: "
                f"{_bars(warm, bar)} for warm-up and context ({window_bars} bars of {slowest}), "
                f"{_bars(longest + purges, bar)} for labels and purges of the longest horizon, "
                f"{_bars(parts, bar)} to learn from. Choose {_advice(config, warm, longest)}",
            )
        ]
    inside = facts.bars * have / max((facts.last_close - facts.first_open).total_seconds(), 1)
    least = window_bars + sum(LEAST_DECISIONS.values())
    if facts.bars < least or inside < least / 2:
        return [
            FieldError(
                "data.source",
                f"there are about {inside:,.0f} candles in the chosen time, and at least {least:,} "
                f"are needed ({window_bars} for warm-up and context); choose a longer time, other "
                "data, or less context",
            )
        ]
    return []


def _check_test(config: RunConfig, facts: CandleFacts) -> list[FieldError]:
    """A test that the configuration dates leaves enough decisions before it and in it."""
    if config.data.test_start is None:
        return []
    start = max(config.data.start or facts.first_open, facts.first_open)
    end = min(config.data.end or facts.last_close, facts.last_close)
    bar = duration_seconds(config.data.decision_timeframe)
    window_bars = WARMUP_BARS + config.model.context_bars
    warm = window_bars * duration_seconds(config.data.ordered_timeframes[-1])
    purge = int(config.purge.total_seconds())
    both = config.data.train_fraction + config.data.validation_fraction
    needed = (
        warm
        + 2 * purge
        + bar
        * max(
            LEAST_DECISIONS["train"] * both / config.data.train_fraction,
            LEAST_DECISIONS["validation"] * both / config.data.validation_fraction,
        )
    )
    have = (config.data.test_start - start).total_seconds()
    if have < needed:
        return [
            FieldError(
                "data.test_start",
                f"leaves {_bars(have, bar)} bars of {config.data.decision_timeframe} before the "
                f"test, and at least {_bars(needed, bar)} are needed: {_bars(warm, bar)} for "
                f"warm-up and context, {_bars(2 * purge, bar)} for the purges, the rest to learn "
                "from; let the test start later",
            )
        ]
    known = end - config.longest_outcome
    tested = (min(config.data.test_end or known, known) - config.data.test_start).total_seconds()
    if tested < LEAST_DECISIONS["test"] * bar:
        return [
            FieldError(
                "data.test_end" if config.data.test_end else "data.test_start",
                f"leaves {_bars(max(tested, 0), bar)} test decisions whose outcome is known, and "
                f"at least {LEAST_DECISIONS['test']} are needed; make the test longer",
            )
        ]
    return []


def _advice(config: RunConfig, warm: float, longest: float) -> str:
    options = []
    if longest > warm / 4:
        options.append(f"a long horizon shorter than {config.horizons.long}")
    if len(config.data.timeframes) > 1:
        options.append(f"no {config.data.ordered_timeframes[-1]} bars")
    options.append(f"less context than {config.model.context_bars} bars")
    options.append("more data")
    return ", ".join(options[:-1]) + f" or {options[-1]}"


def _bars(seconds: float, bar_seconds: int) -> str:
    return f"{-(-int(seconds) // bar_seconds):,}"


def _say(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"

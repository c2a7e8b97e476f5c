"""The row ledger: every decision bar once, and the same as training uses, before it trains."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_app.forecasting.data.ledger import RowLedger, ledger_of
from runs_app.forecasting.data.prepare import prepare_candles
from runs_app.forecasting.errors import DataInvalid
from tests.synthetic import random_candles, small_config

CONFIG = small_config()


def _adds_up(ledger: RowLedger) -> None:
    lost = ledger.warmup + ledger.tail + ledger.gap + ledger.between
    assert ledger.decision_bars - lost == ledger.used
    assert ledger.used == sum(part.decisions for part in ledger.parts)
    assert min(ledger.warmup, ledger.tail, ledger.gap, ledger.between) >= 0


@settings(max_examples=25, deadline=None)
@given(
    bars=st.integers(50, 3000), seed=st.integers(0, 99), missing=st.sampled_from([0.0, 0.05, 0.5])
)
def test_every_decision_bar_is_counted_once(bars: int, seed: int, missing: float) -> None:
    _adds_up(ledger_of(CONFIG, random_candles(bars, seed=seed, missing_share=missing)))


def test_it_is_what_training_uses() -> None:
    candles = random_candles(2600, seed=5, missing_share=0.1)
    ledger, data = ledger_of(CONFIG, candles), prepare_candles(CONFIG, candles)
    assert {part.name: part.decisions for part in ledger.parts} == {
        name: len(index) for name, index in data.splits.items()
    }
    assert ledger.gap > 0
    assert ledger.warmup > 0
    assert ledger.between > 0
    assert not ledger.problem
    assert set(ledger.lines()) <= set(data.notes)
    first, last = data.splits["test"][0], data.splits["test"][-1]
    test = ledger.parts[2]
    assert test.first is not None
    assert test.last is not None
    assert test.first.timestamp() * 1000 == data.decision_time[first]
    assert test.last.timestamp() * 1000 == data.decision_time[last]


def test_too_little_is_a_sentence_in_both() -> None:
    candles = random_candles(1100, seed=1)
    ledger = ledger_of(CONFIG, candles)
    assert "are needed" in ledger.problem
    with pytest.raises(DataInvalid) as caught:
        prepare_candles(CONFIG, candles)
    assert str(caught.value) == ledger.problem


def test_it_needs_no_torch() -> None:
    code = (
        "import sys, runs_app.forecasting.data.ledger\n"
        "sys.exit('torch' in sys.modules or 'pytorch_lightning' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

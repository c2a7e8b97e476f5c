"""Why each field of a run has the value it has, and in which unit it counts.

One sentence a field, for people who meet it for the first time; bounds, defaults and what a field
means stand with the field itself.
"""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """``unit``: what the number counts, empty where the label says it or there is none."""

    unit: str
    why: str


REASONS: dict[str, Reason] = {
    "data.source": Reason("", "A forecaster knows nothing but the candles it is given."),
    "data.timeframes": Reason(
        "", "Three lengths show the last minutes, hours and days at a bearable cost."
    ),
    "data.decision": Reason("", "The shortest timeframe gives the most decisions to learn from."),
    "data.start": Reason("", "Very old candles may come from a market that is no more."),
    "data.end": Reason("", "An earlier end keeps the newest candles for a test of your own."),
    "data.repair": Reason(
        "", "Off, because what is wrong with a file should be known before it is left out."
    ),
    "data.date_order": Reason("", "A guess that is wrong would shuffle the days unnoticed."),
    "data.column_order": Reason("", "A guess that is wrong would swap prices unnoticed."),
    "data.train_fraction": Reason(
        "share", "Most of the time is for learning; less than half rarely teaches enough."
    ),
    "data.validation_fraction": Reason(
        "share", "Enough to choose the best epoch by, and no more than the test gets."
    ),
    "data.test_start": Reason("", "A date makes tests of several runs comparable."),
    "data.test_end": Reason("", "Empty uses every candle there is."),
    "data.embargo": Reason(
        "", "The purge alone keeps outcomes apart; more helps where volatility lingers for days."
    ),
    "data.max_gap_bars": Reason(
        "bars", "A few missing bars are harmless; a long hole is a price nobody could trade."
    ),
    "features.indicators": Reason(
        "", "Four that say different things; more of them mostly repeat one another."
    ),
    "features.calendar": Reason(
        "", "Volatility has hours and weekdays in every market, and four columns cost little."
    ),
    "features.realised": Reason(
        "", "Finer candles measure a bar's volatility far better than its one return."
    ),
    "horizons.next_bars": Reason(
        "decision bars", "One bar gives the most outcomes that do not overlap."
    ),
    "horizons.short": Reason("", "Long enough for a move to pay for its costs."),
    "horizons.long": Reason(
        "", "The longer, the wider the purge between the parts and the fewer separate outcomes."
    ),
    "horizons.short_threshold_bps": Reason(
        "basis points", "About what a trade costs: smaller moves are worth nothing."
    ),
    "horizons.long_threshold_bps": Reason(
        "basis points", "One per cent in a week is what many would call no move."
    ),
    "costs.fee_bps": Reason(
        "basis points", "The taker fee of the lowest tier of the large exchanges."
    ),
    "costs.slippage_bps": Reason(
        "basis points", "Half the spread of a liquid market; put in your own market's."
    ),
    "model.variant": Reason(
        "", "Tiny finds faults in minutes; go larger once it beats the baselines."
    ),
    "model.d_model": Reason(
        "numbers per token", "Memory and time grow with its square, skill far more slowly."
    ),
    "model.layers": Reason("", "Two mix a context well; deeper ones need far more data."),
    "model.heads": Reason("", "Each head looks for one kind of tie between bars."),
    "model.context_bars": Reason(
        "bars", "What lies further back tells little, and warm-up takes the rows away."
    ),
    "model.patch_length": Reason("bars", "Fewer, longer tokens are quicker and lose little."),
    "model.patch_stride": Reason("bars", "As long as a patch: no bar is read twice."),
    "model.dropout": Reason(
        "share", "A little keeps noise from being learnt; more helps on few data."
    ),
    "loss.kind": Reason(
        "", "Returns have heavy tails, which the Student-t describes in three numbers."
    ),
    "loss.weights.next": Reason("", "The distribution is the forecast; all else supports it."),
    "loss.weights.short": Reason("", "A tenth lets the direction learn without steering the rest."),
    "loss.weights.long": Reason("", "A tenth, since long outcomes overlap and count little each."),
    "train.max_epochs": Reason(
        "epochs", "A bound; early stopping usually ends the run well before it."
    ),
    "train.batch_size": Reason(
        "windows", "Noise in small batches helps finding a good minimum; memory grows with it."
    ),
    "train.accumulation": Reason("passes", "1: memory is enough for the batch as it is."),
    "train.learning_rate": Reason(
        "per step", "Ten times more tends to diverge, ten times less not to arrive."
    ),
    "train.weight_decay": Reason("per step", "AdamW's usual value; it pulls idle weights to zero."),
    "train.warmup_steps": Reason(
        "steps", "The first gradients are the wildest; the rate rises while they calm down."
    ),
    "train.gradient_clip": Reason("norm", "One extreme candle must not throw the weights about."),
    "train.early_stopping_patience": Reason(
        "epochs", "Validation is noisy: a few worse epochs are no end, eight are."
    ),
    "train.steps_per_epoch": Reason(
        "steps", "Neighbouring windows are nearly the same, so a part of them shows progress."
    ),
    "train.checkpoint_every_epochs": Reason("epochs", "So that every epoch can be gone back to."),
    "train.checkpoint_every_minutes": Reason(
        "minutes", "A crash costs no more than this, and a save takes well under a second."
    ),
    "train.keep_checkpoints": Reason("files", "A few to choose from without filling the disk."),
    "train.log_every_steps": Reason("steps", "Smooth curves without thousands of points."),
    "train.stall_minutes": Reason(
        "minutes", "Longer than any step should take, short enough to free the slot overnight."
    ),
    "train.seed": Reason("", "Any number; the same one gives the same run on a CPU."),
    "train.accelerator": Reason("", "A GPU is always faster where there is one."),
    "train.devices": Reason("devices", "One is enough until a batch no longer fits it."),
    "train.precision": Reason("", "Full precision is the safe choice on every device."),
    "train.compile": Reason("", "Off: compiling takes a minute that short runs never win back."),
}
"""By dotted path, for every field of the schema."""

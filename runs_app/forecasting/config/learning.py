"""How a run learns: network, loss and fit."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from runs_app.forecasting.config.fields import (
    Accelerator,
    FieldFault,
    LossKind,
    Precision,
    Section,
    Variant,
)


class ModelConfig(Section):
    """The network: one patch transformer encoder per timeframe, fused across timeframes."""

    variant: Variant = Field(
        default=Variant.BASE,
        title="Preset",
        description="The preset these values started from.",
    )
    d_model: int = Field(
        default=256,
        ge=8,
        le=2048,
        title="Width (d_model)",
        description="Width of every token; a multiple of the number of heads.",
    )
    layers: int = Field(
        default=2, ge=1, le=24, title="Layers", description="Encoder layers per timeframe."
    )
    heads: int = Field(
        default=8, ge=1, le=64, title="Attention heads", description="Must divide the width."
    )
    context_bars: int = Field(
        default=96,
        ge=8,
        le=4096,
        title="Context (bars)",
        description="How many closed bars of each timeframe the network sees at a decision.",
    )
    patch_length: int = Field(
        default=8,
        ge=1,
        le=256,
        title="Patch length (bars)",
        description="Bars that are embedded as one token.",
    )
    patch_stride: int = Field(
        default=8,
        ge=1,
        le=256,
        title="Patch stride (bars)",
        description="Bars from one patch to the next; at most the patch length.",
    )
    dropout: float = Field(
        default=0.1, ge=0.0, le=0.9, title="Dropout", description="Share of activations dropped."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.d_model % self.heads:
            raise FieldFault(
                "d_model", f"{self.d_model} is not divisible by the {self.heads} attention heads"
            )
        if self.patch_length > self.context_bars:
            raise FieldFault(
                "patch_length", f"must not exceed the context of {self.context_bars} bars"
            )
        if self.patch_stride > self.patch_length:
            raise FieldFault(
                "patch_stride",
                f"must not exceed the patch length of {self.patch_length}, or bars are skipped",
            )
        return self


class LossWeights(Section):
    """How much each head counts in the training loss."""

    next: float = Field(
        default=1.0,
        ge=0.0,
        le=100.0,
        title="Weight of the return distribution",
        description="Weight of the distribution loss over the next bars.",
    )
    short: float = Field(
        default=0.1,
        ge=0.0,
        le=100.0,
        title="Weight of the short direction",
        description="Weight of the cross-entropy of the short-term direction.",
    )
    long: float = Field(
        default=0.1,
        ge=0.0,
        le=100.0,
        title="Weight of the long direction",
        description="Weight of the cross-entropy of the long-term direction.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.next + self.short + self.long <= 0:
            raise FieldFault("next", "at least one loss weight must be above zero")
        return self


class LossConfig(Section):
    """The training loss."""

    kind: LossKind = Field(
        default=LossKind.STUDENT_T,
        title="Regression loss",
        description="Which distribution of the next return is learnt, and by which score.",
    )
    weights: LossWeights = Field(default_factory=LossWeights)


class TrainConfig(Section):
    """How the network is fitted."""

    max_epochs: int = Field(
        default=100,
        ge=1,
        le=10_000,
        title="Max epochs",
        description="Passes over the training part; fewer when early stopping ends the run.",
    )
    batch_size: int = Field(
        default=32,
        ge=1,
        le=65_536,
        title="Batch size",
        description="Windows per forward pass, on each device; what bounds the memory.",
    )
    accumulation: int = Field(
        default=1,
        ge=1,
        le=1024,
        title="Accumulation (passes)",
        description="Forward passes per optimizer step. Half the batch size and twice the "
        "accumulation learn the same in half the memory.",
    )
    learning_rate: float = Field(
        default=2e-4,
        gt=0.0,
        le=1.0,
        title="Learning rate",
        description="Peak step size of AdamW, reached after warm-up.",
    )
    weight_decay: float = Field(
        default=0.01,
        ge=0.0,
        le=1.0,
        title="Weight decay",
        description="Decoupled weight decay of AdamW.",
    )
    warmup_steps: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        title="Warm-up (steps)",
        description="Optimizer steps over which the learning rate rises linearly from zero.",
    )
    gradient_clip: float = Field(
        default=1.0,
        gt=0.0,
        le=1000.0,
        title="Gradient clip (norm)",
        description="Gradients with a larger L2 norm are scaled down to it.",
    )
    early_stopping_patience: int = Field(
        default=8,
        ge=0,
        le=10_000,
        title="Early stopping (epochs)",
        description="Stop after this many epochs without a lower validation loss; 0: never.",
    )
    steps_per_epoch: int | None = Field(
        # Windows one bar apart share nearly all their bars, so that a pass over every window of a
        # long 1m file would validate far too rarely.
        default=1000,
        ge=1,
        le=10_000_000,
        title="Steps per epoch",
        description="At most this many optimizer steps per epoch, on windows drawn at random "
        "without repetition; empty means every window.",
    )
    checkpoint_every_epochs: int = Field(
        default=1,
        ge=1,
        le=10_000,
        title="Checkpoint every (epochs)",
        description="How often a checkpoint is written, besides the best and the last.",
    )
    checkpoint_every_minutes: float = Field(
        default=5.0,
        gt=0.0,
        le=1440.0,
        title="Checkpoint every (minutes)",
        description="How often a checkpoint is written inside an epoch: a run that is killed and "
        "resumed loses no more than this.",
    )
    keep_checkpoints: int = Field(
        default=3,
        ge=1,
        le=1000,
        title="Best checkpoints kept",
        description="How many checkpoints with the lowest validation losses are kept on disk, "
        "besides the last one and those you pin.",
    )
    log_every_steps: int = Field(
        default=10,
        ge=1,
        le=100_000,
        title="Metric every (steps)",
        description="How often a training step reports its loss.",
    )
    stall_minutes: float = Field(
        default=15.0,
        ge=0.05,
        le=10_080.0,
        title="Stall limit (minutes)",
        description="A run that takes no step, batch or validation forward for so long is ended.",
    )
    seed: int = Field(
        default=7,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Seed of weights, order of windows and dropout.",
    )
    accelerator: Accelerator = Field(
        default=Accelerator.AUTO,
        title="Accelerator",
        description="Auto takes a GPU when one is there, else the CPU.",
    )
    devices: int = Field(
        default=1,
        ge=1,
        le=16,  # of one machine; no host has more GPUs
        title="Devices",
        description="GPUs the run trains on; on a CPU, processes. A step's windows are batch size "
        "x accumulation x devices.",
    )
    precision: Precision = Field(
        default=Precision.FLOAT32,
        title="Precision",
        description="bf16-mixed is faster on recent GPUs; the loss stays in float32.",
    )
    compile: bool = Field(
        default=False,
        title="Compile the network",
        description="torch.compile: slow to start, then faster, above all on a GPU; on a CPU it "
        "needs a C++ compiler.",
    )

    @property
    def windows_per_step(self) -> int:
        """Windows of one optimizer step, over all passes and devices."""
        return self.batch_size * self.accumulation * self.devices

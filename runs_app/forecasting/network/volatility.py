"""The volatility that a forecast's scale starts from: a mixture of EWMA variances.

A GARCH(1,1) variance is a constant plus a multiple of one EWMA of squared returns, and a HAR
variance (Corsi 2009) a weighted sum of realised variances over several memories. Both are sums
with positive weights of what is handed in here, so that the network need not find out what is
known about volatility for thirty years, only correct it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from runs_app.forecasting.config.half_lives import HALF_LIVES_BARS
from runs_app.forecasting.config.schema import LossKind

FIT_ROWS = 50_000
"""Rows, evenly spaced, that the weights are fitted on: beyond them their error is a per mille."""
FIT_STEPS = 100
DF_LEAST, DF_MOST = 2.1, 60.0
"""Range of the fitted tail: at its ends a Student-t has no variance, or is a Gaussian."""
LEAST_WEIGHT = 1e-6
START_CONSTANT = 1e-4


class VolatilityMixture(nn.Module):
    """log of the root of ``w_0 + sum of w_k v_k``, v being K EWMA variances and all w positive."""

    def __init__(self) -> None:
        super().__init__()
        start = torch.full((len(HALF_LIVES_BARS) + 1,), 1.0 / len(HALF_LIVES_BARS))
        start[-1] = START_CONSTANT
        # No parameter: what is learnt stands in the heads, where validation can take it back.
        self.register_buffer("log_weight", start.log())
        self.log_weight: Tensor

    def forward(self, log_volatility: Tensor) -> Tensor:
        """[B, K] logs of the causal volatilities, standardised -> [B] log of the mixture."""
        return _mixed(self.log_weight, log_volatility.float())

    @torch.no_grad()
    def start_from(self, log_volatility: Tensor, target: Tensor, *, kind: LossKind) -> float | None:
        """Fit the weights to the training part by maximum likelihood; returns the Student-t's df.

        ``log_volatility`` [N, K] and ``target`` [N], standardised. The distribution is a Student-t
        for the Student-t loss and a Gaussian, whose df is None, for the others; its mean is zero.
        """
        stride = max(1, len(target) // FIT_ROWS)
        weights, df = _fitted(
            log_volatility[::stride].double().cpu(), target[::stride].double().cpu(),
            heavy_tails=kind is LossKind.STUDENT_T,
        )  # fmt: skip
        self.log_weight.copy_(weights)
        return df

    def in_words(self) -> str:
        """The weights for the log; those of less than a per mille are left out."""
        names = [
            *(f"EWMA({half_life:g})" for half_life in HALF_LIVES_BARS),
            "the training variance",
        ]
        shares = zip(self.log_weight.exp().tolist(), names, strict=True)
        return " + ".join(f"{share:.3f} {name}" for share, name in shares if share >= 1e-3)


def _mixed(log_weight: Tensor, log_volatility: Tensor) -> Tensor:
    components = 2.0 * log_volatility + log_weight[:-1]  # [B, K]
    constant = log_weight[-1].expand(components.shape[0], 1)
    return 0.5 * torch.logsumexp(torch.cat([components, constant], dim=-1), dim=-1)


def _fitted(
    log_volatility: Tensor, target: Tensor, *, heavy_tails: bool
) -> tuple[Tensor, float | None]:
    count = log_volatility.shape[1] + 1
    log_weight = torch.full((count,), -math.log(count), dtype=torch.float64, requires_grad=True)
    tail = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [log_weight, tail], max_iter=FIT_STEPS, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        log_scale = _mixed(log_weight, log_volatility)
        square = (target * torch.exp(-log_scale)).square()
        value = log_scale.mean() + (
            _student_t(square, _df(tail)) if heavy_tails else 0.5 * square.mean()
        )
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]
    weights = log_weight.detach().clamp(min=math.log(LEAST_WEIGHT))
    if not heavy_tails:
        return weights, None
    df = float(_df(tail.detach()))
    return weights + math.log(df / (df - 2.0)), df  # from the Student-t's scale to its variance


def _df(tail: Tensor) -> Tensor:
    return DF_LEAST + (DF_MOST - DF_LEAST) * torch.sigmoid(tail - 2.5)


def _student_t(square: Tensor, df: Tensor) -> Tensor:
    """Mean negative log density of a Student-t with scale one, without constants."""
    normaliser = torch.lgamma(0.5 * df) - torch.lgamma(0.5 * (df + 1.0)) + 0.5 * torch.log(df)
    return normaliser + 0.5 * (df + 1.0) * torch.log1p(square / df).mean()

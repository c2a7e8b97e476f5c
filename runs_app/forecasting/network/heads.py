"""From the state of a decision to the parameters of its distribution and its directions.

Every distribution head starts from the causal volatility known at the decision: its outputs scale
or shift that, and are zero before the first step. The untrained network is therefore the forecast
"mean zero, deviation = the fitted mixture of volatilities", and training is asked to correct it.
How far the correction is believed is settled on validation: its *credibility*, as actuaries call
the weight of own experience against what is known of all (Bühlmann 1967).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn.functional import softplus

from runs_app.forecasting.config.schema import LossKind
from runs_app.forecasting.evaluation.predictive import QUANTILE_LEVELS
from runs_app.forecasting.network.initialisation import start_silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

DF_MIN, DF_MAX, DF_START = 2.05, 100.0, 6.0
LOG_RANGE = 4.0
"""The scale stays within e^-4 .. e^4 of the volatility: far more than markets need."""
PRIOR_OUTCOMES = 1000.0
"""About as many independent outcomes tell a hit rate of 53 % from a coin."""
NORMAL_QUARTILE, NORMAL_TAIL = 0.6744897501960817, 1.6448536269514722
"""Standard normal quantiles at 0.75 and 0.95, where the quantile head starts."""


class Distribution(NamedTuple):
    """Float32 parameters in standardised units; None where the head has no such parameter."""

    location: Tensor
    log_scale: Tensor | None = None
    df: Tensor | None = None
    quantiles: Tensor | None = None


class DistributionHead(nn.Module):
    """Corrections to the volatility and to a location of zero, and the distribution they give."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.project = start_silent(nn.Linear(width, outputs))
        self.register_buffer("credibility", torch.ones(outputs))
        self.credibility: Tensor

    def forward(self, state: Tensor, log_volatility: Tensor) -> Distribution:
        """[B, 2 D], [B] -> the distribution; while training, the correction counts in full."""
        raw = self.project(state)
        return self.read(raw if self.training else raw * self.credibility, log_volatility)

    def read(self, raw: Tensor, log_volatility: Tensor) -> Distribution:
        """Corrections [B, outputs], the location's first, and log volatility [B] -> parameters."""
        raise NotImplementedError

    def believe(self, *, location: float, shape: float) -> None:
        """Set the shares of the location's and of all other corrections that count from now on."""
        self.credibility.fill_(shape)
        self.credibility[0] = location


class GaussianHead(DistributionHead):
    """Mean and log standard deviation."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 2)

    def read(self, raw: Tensor, log_volatility: Tensor) -> Distribution:
        """[B, 2], [B] -> location [B], log_scale [B]."""
        mean, change = raw.unbind(-1)
        return Distribution(mean * log_volatility.exp(), log_volatility + _bounded(change))


class StudentTHead(DistributionHead):
    """Mean, log scale and degrees of freedom between ``DF_MIN`` and ``DF_MAX``."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 3)
        self.register_buffer("df_start", torch.tensor(DF_START))
        self.df_start: Tensor

    def start_from(self, df: float) -> None:
        """Begin with these degrees of freedom."""
        self.df_start.fill_(df)

    def read(self, raw: Tensor, log_volatility: Tensor) -> Distribution:
        """[B, 3], [B] -> location [B], log_scale [B], df [B]."""
        mean, change, freedom = raw.unbind(-1)
        # With the df it starts from, the standard deviation equals the volatility.
        scale_offset = 0.5 * torch.log((self.df_start - 2.0) / self.df_start)
        log_scale = log_volatility + scale_offset + _bounded(change)
        share = (self.df_start - DF_MIN) / (DF_MAX - DF_MIN)
        df = DF_MIN + (DF_MAX - DF_MIN) * torch.sigmoid(freedom + torch.logit(share))
        return Distribution(mean * log_volatility.exp(), log_scale, df)


class QuantileHead(DistributionHead):
    """The median, and distances outwards that are positive by construction: no crossing."""

    def __init__(self, width: int) -> None:
        super().__init__(width, len(QUANTILE_LEVELS))
        gaps = torch.tensor([NORMAL_QUARTILE, NORMAL_TAIL - NORMAL_QUARTILE])
        self.register_buffer("gap_offset", gaps.expm1().log(), persistent=False)
        self.gap_offset: Tensor

    def read(self, raw: Tensor, log_volatility: Tensor) -> Distribution:
        """[B, Q], [B] -> location [B] (the median), quantiles [B, Q]."""
        volatility = log_volatility.exp().unsqueeze(-1)  # [B, 1]
        centre = raw[:, :1]  # [B, 1]
        below = softplus(raw[:, 1:3] + self.gap_offset).cumsum(-1)  # [B, 2] outwards
        above = softplus(raw[:, 3:5] + self.gap_offset).cumsum(-1)  # [B, 2] outwards
        levels = torch.cat([centre - below.flip(-1), centre, centre + above], dim=-1)
        quantiles = levels * volatility  # [B, Q]
        return Distribution(quantiles[:, len(QUANTILE_LEVELS) // 2], quantiles=quantiles)


class PointHead(DistributionHead):
    """The mean alone."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 1)

    def read(self, raw: Tensor, log_volatility: Tensor) -> Distribution:
        """[B, 1], [B] -> location [B]."""
        return Distribution(raw.squeeze(-1) * log_volatility.exp())


class DirectionHead(nn.Module):
    """Down, flat, up: the network's belief, mixed with the shares seen in training.

    A long horizon has few outcomes that do not overlap (33 weeks of 1m bars hold 33 of one week),
    and a network learns them by heart. As in a Bayesian average, the prior therefore weighs
    ``PRIOR_OUTCOMES`` and the belief as many as there were: however wrong the belief, the
    cross-entropy is never more than -log(prior's weight) above that of the bare shares.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = start_silent(nn.Linear(width, 3))
        self.register_buffer("prior", torch.full((3,), 1.0 / 3.0))
        self.register_buffer("prior_weight", torch.tensor(0.5))
        self.prior: Tensor
        self.prior_weight: Tensor

    @torch.no_grad()
    def start_from(self, prior: Tensor, *, outcomes: float) -> None:
        """Begin at class shares ``prior`` [3], learnt from so many independent outcomes."""
        shares = prior.float().clamp(min=1e-4)
        self.prior.copy_(shares / shares.sum())
        self.prior_weight.fill_(PRIOR_OUTCOMES / (PRIOR_OUTCOMES + outcomes))
        self.project.bias.copy_(self.prior.log())

    def forward(self, state: Tensor) -> Tensor:
        """[B, 2 D] -> logits [B, 3], here log-probabilities."""
        belief = torch.log_softmax(self.project(state), dim=-1)  # [B, 3]
        own = belief + torch.log1p(-self.prior_weight)
        return torch.logaddexp(own, self.prior.log() + self.prior_weight.log())


DISTRIBUTION_HEADS: dict[LossKind, Callable[[int], DistributionHead]] = {
    LossKind.GAUSSIAN_NLL: GaussianHead,
    LossKind.STUDENT_T: StudentTHead,
    LossKind.QUANTILE: QuantileHead,
    LossKind.MSE: PointHead,
}


def _bounded(change: Tensor) -> Tensor:
    return LOG_RANGE * torch.tanh(change / LOG_RANGE)

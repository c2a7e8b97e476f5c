"""What a forecast is judged by that is not the forecast itself."""

from __future__ import annotations

from pydantic import Field

from runs_app.forecasting.config.fields import Section


class CostsConfig(Section):
    """What a trade costs, for the check of the trading value."""

    fee_bps: float = Field(
        # The taker fee of the large exchanges' lowest tier.
        default=10.0,
        ge=0.0,
        le=1000.0,
        title="Fee per side (bp)",
        description="Fee of one fill, for the check after costs. 10 basis points are 0.1 %.",
    )
    slippage_bps: float = Field(
        default=2.0,
        ge=0.0,
        le=1000.0,
        title="Slippage per side (bp)",
        description="Half the spread and what else a fill loses against the bar's open.",
    )

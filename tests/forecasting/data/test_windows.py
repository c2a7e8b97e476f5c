"""A batch of windows equals windows cut one by one."""

from __future__ import annotations

import pytest
import torch

from runs_app.forecasting.data.windows import feature_tensor, gather


@pytest.mark.parametrize("context", [1, 4, 30])
def test_windows_are_the_last_bars_of_each_timeframe(context: int) -> None:
    generator = torch.Generator().manual_seed(0)
    features = [feature_tensor(torch.randn(bars, width, generator=generator))
                for bars, width in ((200, 5), (60, 3))]  # fmt: skip
    last_bar = [torch.randint(context - 1, len(f), (100,), generator=generator) for f in features]
    index = torch.randint(0, 100, (17,), generator=generator)
    windows = gather(features, last_bar, index, context)
    for values, last, batch in zip(features, last_bar, windows, strict=True):
        assert batch.shape == (17, context, values.shape[1])
        for row, decision in enumerate(index.tolist()):
            end = int(last[decision]) + 1
            assert torch.equal(batch[row], values[end - context : end])


def test_a_batch_is_a_copy() -> None:
    features = [feature_tensor(torch.zeros(50, 2))]
    (batch,) = gather(features, [torch.arange(50)], torch.tensor([20, 21]), 8)
    batch += 1
    assert float(features[0].abs().max()) == 0
    assert batch.is_contiguous()


def test_a_column_slice_is_brought_into_the_layout_gather_needs() -> None:
    values = feature_tensor(torch.randn(40, 6, dtype=torch.float64)[:, ::2])
    assert values.is_contiguous()
    assert values.dtype == torch.float32

"""One thread for torch: its threads wait for one another, and tests share their cores."""

from __future__ import annotations

import torch

torch.set_num_threads(1)

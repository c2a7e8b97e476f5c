"""What several browser tests begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from launcher.product import Product
from tests.scripted import ScriptedRun


@pytest.fixture
def run(live_product: Product) -> Iterator[ScriptedRun]:
    """A run of the shared product whose events the test writes itself."""
    with ScriptedRun(live_product) as scripted:
        yield scripted

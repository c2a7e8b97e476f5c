"""One product for the tests of this folder, since each start of a new one costs many seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from launcher.product import Product
from tests.infra.products import end_runs


@pytest.fixture(scope="package")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product that all share; whoever stops or kills it leaves it so."""
    with Product(tmp_path_factory.mktemp("standing")) as running:
        yield running


@pytest.fixture
def product(standing: Product) -> Product:
    """The shared product, running, in which nothing trains."""
    if standing.stopped:
        standing.start()
    end_runs(standing)
    return standing


@pytest.fixture
def untroubled(product: Product) -> Product:
    """The same, by a ``bin/start`` that has had to start nothing again."""
    if "started again" in product.output:
        product.stop()
        product.start()
    return product


@pytest.fixture
def at_rest(standing: Product) -> Product:
    """The same, stopped after it has run; whoever starts it may leave it so."""
    if not standing.stopped:
        standing.stop()
    return standing

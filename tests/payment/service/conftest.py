"""The simulator behind a provider that spoils its answers."""

import pytest

from tests.payment.conftest import Shop
from tests.payment.service.faulty import FaultyProvider


@pytest.fixture
def faulty(shop: Shop) -> FaultyProvider:
    return FaultyProvider(shop.provider)

"""The same comparison over Stripe's book: what was bought, returned and bent there is found."""

from collections.abc import AsyncIterator

import httpx
import pytest

from libs.clock import SystemClock
from libs.testing.waiting import FrozenClock
from services.payment.clients.stripe_book import StripeBook
from services.payment.clients.stripe_http import open_stripe
from services.payment.domain.cases import RunState
from services.payment.service.reconciliation import Reconciliation
from tests.payment.clients.conftest import stripe_provider
from tests.payment.conftest import Shop
from tests.payment.reconciliation.books import AT, found
from tests.payment.stripe_stand_in.server import API_KEY, StandIn, running_stand_in


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with running_stand_in() as started:
        yield started


async def test_a_day_at_stripe_is_compared_by_the_same_rules(
    shop: Shop, stand_in: StandIn, http: httpx.AsyncClient
) -> None:
    provider = stripe_provider(stand_in, http)
    for token in ("tok_ok", "tok_decline"):
        await shop.authorize(token, provider=provider)
    orders = []
    for _ in range(3):
        order_id = await shop.authorize("tok_ok", provider=provider)
        await shop.capture(order_id, provider=provider)
        await shop.refund(order_id, 300, provider=provider)
        assert await shop.state(order_id) == "partially_refunded"
        orders.append(str((await shop.payment(order_id))["provider_reference"]))
    client = open_stripe(http, api_key=API_KEY, base_url=stand_in.book.base_url, timeout_seconds=10)
    clock = FrozenClock(SystemClock().now())
    clock.advance(hours=2)
    reconciliation = Reconciliation(
        shop.units,
        StripeBook(client, timeout_seconds=10),
        provider="stripe",
        clock=clock,
        at=AT,
        lag_seconds=3600,
    )
    today = stand_in.book.now.date()
    run = await reconciliation.run_day(today)
    assert run is not None
    assert (run.state, run.tally.charges, run.tally.refunds) == (RunState.SUCCEEDED, 5, 3)
    assert await found(shop.admin) == set()
    stand_in.book.intents[orders[0]]["currency"] = "eur"
    stand_in.book.intents[orders[1]]["amount_received"] = 999
    stand_in.book.authorize(
        {"amount": "100", "currency": "usd", "payment_method": "tok_ok", "metadata": {}}
    )
    await reconciliation.run_day(today)
    [stranger] = [row["id"] for row in stand_in.book.intents.values() if not row["metadata"]]
    assert await found(shop.admin) == {
        ("currency", orders[0]),
        ("amount", orders[1]),
        ("missing_here", stranger),
    }

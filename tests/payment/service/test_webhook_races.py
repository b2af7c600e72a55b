"""A webhook before, while and after the provider's answer: one capture, one posting, one event, no deadlock."""

import asyncio
from dataclasses import dataclass

import pytest

from libs.testing.scale import trials
from services.payment.clients.protocol import PaymentProvider
from services.payment.domain.records import Work
from services.payment.domain.states import Verdict
from tests.payment.conftest import Shop
from tests.payment.service.test_webhooks import charge_of, event_body, receive, stored

RACES = trials(10, 334)


@dataclass
class WebhookBesides:
    """Delivers the capture's webhook before, while or after the provider's answer arrives."""

    shop: Shop
    real: PaymentProvider
    when: str
    order_id: str

    async def authorize(self, work: Work) -> Verdict:
        return await self.real.authorize(work)

    async def void(self, work: Work) -> Verdict:
        return await self.real.void(work)

    async def refund(self, work: Work) -> Verdict:
        return await self.real.refund(work)

    async def find_by_key(self, work: Work) -> Verdict | None:
        return await self.real.find_by_key(work)

    async def capture(self, work: Work) -> Verdict:
        verdict = await self.real.capture(work)
        await receive(
            self.shop, event_body("charge.captured", await charge_of(self.shop, self.order_id))
        )
        if self.when == "before":
            await self.shop.webhooks().process_pending()
        return verdict


@pytest.mark.parametrize("when", ["before", "while", "after"])
async def test_a_webhook_beside_the_answer_posts_and_tells_once(shop: Shop, when: str) -> None:
    deadlocks = await _deadlocks(shop)
    for _ in range(RACES):
        order_id = await shop.authorize("tok_ok")
        provider = WebhookBesides(shop, shop.provider, when, order_id)
        if when == "while":
            capture = asyncio.create_task(shop.capture(order_id, provider=provider))
            await asyncio.gather(*(_process_until(shop, capture) for _ in range(3)))
            await capture
        else:
            await shop.capture(order_id, provider=provider)
        await shop.webhooks().process_pending()
        assert await shop.events(order_id) == ["authorized", "captured"]
    assert await shop.admin.fetchval("SELECT count(*) FROM ledger_transactions") == RACES
    assert {state for state, _ in await stored(shop)} <= {"applied", "repeated"}
    assert await _deadlocks(shop) == deadlocks, "the lock order is kept; a retry would hide it"


async def _deadlocks(shop: Shop) -> int:
    return int(
        await shop.admin.fetchval(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
    )


async def _process_until(shop: Shop, done: "asyncio.Task[None]") -> None:
    while not done.done():
        await shop.webhooks().process_pending()

import json
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from libs.clock import utc_now
from libs.contracts.user import ErasureRequested
from libs.erasure import part, tombstones
from libs.erasure.part import Erased, NotYet
from libs.messaging.processing import Processor
from libs.testing.builders import envelope_of
from services.payment.consumers import handlers
from services.payment.dependencies import ERASURE
from services.payment.repository.unit import Unit
from tests.payment.conftest import Shop, outbox_of

TOLD = "SELECT count(*) FROM outbox_messages WHERE type = 'payment.erasure_completed.v1'"


async def forget(shop: Shop, user_id: str) -> None:
    processor = Processor(
        consumer="payment-inbox",
        handlers=handlers(shop.commands()),
        database=shop.database,
        outbox_of=outbox_of,
        transactions=2,
    )
    request = ErasureRequested(user_id=user_id, erasure_id=f"ers_{user_id}")
    await processor.process(envelope_of(request, source="user"))


async def webhook(shop: Shop, order_id: str, number: str) -> None:
    """Store and process a notice of the provider's about a payment, as it may come days later."""
    payment = await shop.payment(order_id)
    body = {
        "id": f"evt_{order_id}_{number}",
        "type": "charge.captured",
        "data": {
            "object": {
                "object": "charge",
                "id": payment["provider_reference"],
                "amount_minor": payment["amount_minor"],
                "captured_minor": payment["captured_minor"],
                "currency": payment["currency"],
                "metadata": {"payment_id": payment["id"], "order_id": order_id},
                "billing_details": {"name": "Ada Canary"},
            }
        },
    }

    async def store(unit: Unit) -> None:
        await unit.provider_events.store(
            provider="simulator",
            provider_event_id=str(body["id"]),
            event_type="charge.captured",
            body=json.dumps(body),
        )

    await shop.units.run(store)
    await shop.webhooks().process_pending()


async def test_tokens_and_notices_go_and_the_money_stays(shop: Shop) -> None:
    began = utc_now()
    order_id = await shop.captured()
    await webhook(shop, order_id, "1")
    before = await shop.payment(order_id)
    await forget(shop, before["user_id"])
    after = await shop.payment(order_id)
    assert (after["payment_method"], after["return_url"], after["redirect_url"]) == (
        "erased",
        None,
        None,
    )
    for kept in ("amount_minor", "captured_minor", "provider_reference", "state"):
        assert after[kept] == before[kept]
    await webhook(shop, order_id, "2")
    held = await shop.admin.fetchval(
        "SELECT count(*) FROM provider_events WHERE body LIKE '%Canary%' AND received_at >= $1",
        began,
    )
    assert held == 0
    assert await shop.admin.fetchval(TOLD) == 1


async def test_a_payment_the_provider_may_still_be_asked_about_is_waited_for(shop: Shop) -> None:
    order_id = await shop.authorize("tok_ok")
    user_id = (await shop.payment(order_id))["user_id"]
    await forget(shop, user_id)
    assert (await shop.payment(order_id))["payment_method"] != "erased"
    assert await shop.admin.fetchval(TOLD) == 0
    await shop.void(order_id)
    await ERASURE.carry_on(shop.database, outbox_of)
    assert (await shop.payment(order_id))["payment_method"] == "erased"
    assert await shop.admin.fetchval(TOLD) == 1


async def test_whoever_cannot_be_erased_keeps_nobody_else_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "_AT_ONCE", 1)
    async with shop.database.transaction() as session:
        for user_id in ("usr_a", "usr_b", "usr_c"):
            await tombstones.bury(session, user_id, f"ers_{user_id}")

    async def remove(session: AsyncSession, user_id: str) -> Erased | NotYet:
        if user_id == "usr_a":
            raise LookupError("a row nobody has thought of")
        return await ERASURE.remove(session, user_id)

    tried = await replace(ERASURE, remove=remove).carry_on(shop.database, outbox_of)

    assert tried == 3
    async with shop.database.transaction() as session:
        assert await tombstones.unfinished(session, 10) == [("usr_a", "ers_usr_a")]

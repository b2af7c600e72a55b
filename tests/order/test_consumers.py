import asyncio
import random

import pytest

from libs.messaging.parking import ParkedMessages
from libs.messaging.processing import Outcome
from libs.testing.waiting import eventually
from services.order.errors import UnknownRefund
from tests.order.running import Running

PURCHASE = (
    "payment.authorized.v1",
    "stock.committed.v1",
    "payment.captured.v1",
)


async def test_each_step_asks_for_the_next(running: Running) -> None:
    order_id = await running.paid()
    assert await running.sent(order_id) == [
        "order.placed.v1",
        "payment.authorize.v1",
        "stock.commit.v1",
        "order.confirmed.v1",
        "payment.capture.v1",
    ]
    order = await running.get(order_id)
    assert (order["status"], order["payment_status"]) == ("confirmed", "captured")
    assert order["captured"]["amount_minor"] == 4085
    assert order["payment_id"] == "pay_" + order_id.removeprefix("ord_")
    due = await running.sql("SELECT next_check_at FROM orders")
    assert due[0][0] is None


async def test_a_decline_fails_the_order_and_releases_the_stock(running: Running) -> None:
    order_id = await running.placed()
    await running.hear("payment.declined.v1", order_id)
    order = await running.get(order_id)
    assert (order["status"], order["reason"]) == ("failed", "payment_declined")
    assert (await running.sent(order_id))[2:] == ["order.failed.v1", "stock.release.v1"]
    await running.hear("stock.released.v1", order_id)
    assert (await running.sql("SELECT next_check_at FROM orders"))[0][0] is None


async def test_an_unknown_outcome_waits_for_the_truth(running: Running) -> None:
    order_id = await running.placed()
    await running.hear("payment.outcome_unknown.v1", order_id)
    assert (await running.get(order_id))["payment_status"] == "unknown"
    await running.hear("payment.authorized.v1", order_id)
    assert (await running.sent(order_id))[-1] == "stock.commit.v1"


async def test_lost_stock_voids_the_payment(running: Running) -> None:
    order_id = await running.placed()
    await running.hear("payment.authorized.v1", order_id)
    await running.hear("stock.commit_rejected.v1", order_id)
    assert (await running.sent(order_id))[-2:] == ["order.failed.v1", "payment.void.v1"]
    await running.hear("payment.voided.v1", order_id)
    order = await running.get(order_id)
    assert (order["status"], order["payment_status"]) == ("failed", "voided")


async def test_money_captured_for_a_cancelled_order_goes_back(running: Running) -> None:
    order_id = await running.placed()
    await running.hear("payment.authorized.v1", order_id)
    await running.hear("stock.committed.v1", order_id)
    await running.http.post(f"/v1/orders/{order_id}/cancel", headers=running.headers())
    await running.hear("payment.captured.v1", order_id)
    order = await running.get(order_id)
    assert (order["status"], order["payment_status"]) == ("cancelled", "captured")
    refund_id = order["refunds"][0]["refund_id"]
    assert (await running.sent(order_id))[-1] == "payment.refund.v1"
    await running.hear("payment.refunded.v1", order_id, refund_id=refund_id)
    assert (await running.get(order_id))["payment_status"] == "refunded"


async def test_a_refused_refund_is_shown_and_can_be_asked_for_again(running: Running) -> None:
    order_id = await running.paid()
    response = await running.http.post(
        f"/v1/orders/{order_id}/refunds",
        json={},
        headers=running.headers(admin=True) | {"Idempotency-Key": "k1"},
    )
    refund_id = response.json()["refund_id"]
    await running.hear("payment.refund_failed.v1", order_id, refund_id=refund_id)
    order = await running.get(order_id)
    assert order["refunds"][0]["status"] == "failed"
    assert (await running.sql("SELECT next_check_at FROM orders"))[0][0] is None


async def test_an_event_that_comes_too_early_is_parked_and_run_later(running: Running) -> None:
    order_id = await running.placed()
    authorized, committed, captured = (running.envelope(type_, order_id) for type_ in PURCHASE)
    processor = running.processor()
    assert await processor.process(captured) is Outcome.PARKED
    assert await processor.process(committed) is Outcome.PARKED
    assert await processor.process(authorized) is Outcome.HANDLED
    stop = asyncio.Event()
    parked = asyncio.create_task(ParkedMessages(processor, attempts=20).run(stop))

    async def paid() -> bool:
        return bool((await running.get(order_id))["payment_status"] == "captured")

    assert await eventually(paid, 60)
    stop.set()
    processor.parked_changed.set()
    await parked


async def test_payment_news_of_an_order_not_seen_yet_is_parked(running: Running) -> None:
    assert await running.hear("payment.authorized.v1", "ord_" + "9" * 32) is Outcome.PARKED


async def test_an_outcome_told_again_changes_nothing(running: Running) -> None:
    order_id = await running.paid()
    before, sent = await running.get(order_id), await running.sent(order_id)
    for type_ in PURCHASE:
        assert await running.hear(type_, order_id) is Outcome.HANDLED
    assert await running.get(order_id) == before
    assert await running.sent(order_id) == sent


async def test_a_release_without_an_order_is_nobodys_business(running: Running) -> None:
    assert await running.hear("stock.released.v1", "ord_" + "9" * 32) is Outcome.HANDLED


async def test_a_refund_nobody_asked_for_is_left_for_a_person(running: Running) -> None:
    order_id = await running.paid()
    with pytest.raises(UnknownRefund):
        await running.hear("payment.refunded.v1", order_id, refund_id="rfd_unknown")


async def test_events_delivered_three_times_and_shuffled_give_the_same_tables(
    running: Running,
) -> None:
    """Bar M4: what counts is the set of facts, not how often or in which order they come."""
    order_ids = [await running.placed() for _ in range(6)]
    envelopes = [running.envelope(type_, order_id) for order_id in order_ids for type_ in PURCHASE]
    processor = running.processor()
    shuffled = envelopes * 3
    random.Random(4).shuffle(shuffled)  # noqa: S311 - an order of messages, not a secret
    stop = asyncio.Event()
    parked = asyncio.create_task(ParkedMessages(processor, attempts=50).run(stop))
    for start in range(0, len(shuffled), 4):
        await asyncio.gather(*(processor.process(one) for one in shuffled[start : start + 4]))

    async def all_paid() -> bool:
        rows = await running.sql(
            "SELECT DISTINCT payment_status, order_status, version FROM orders"
        )
        return [tuple(row) for row in rows] == [("captured", "confirmed", 4)]

    assert await eventually(all_paid, 30)
    stop.set()
    processor.parked_changed.set()
    await parked
    for order_id in order_ids:
        sent = await running.sent(order_id)
        assert sorted(sent) == sorted(set(sent)), "every message was sent once"
        assert len(sent) == 5


async def test_every_message_of_an_order_tells_a_growing_version(running: Running) -> None:
    order_id = await running.paid()
    await running.http.post(f"/v1/orders/{order_id}/cancel", headers=running.headers())
    rows = await running.sql(
        "SELECT aggregate_version FROM outbox_messages WHERE aggregate_id = :id"
        " AND type LIKE 'order.%' ORDER BY position",
        id=order_id,
    )
    versions = [row[0] for row in rows]
    assert versions == sorted(set(versions))

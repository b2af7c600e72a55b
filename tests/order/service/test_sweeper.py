import asyncio
from datetime import timedelta

import pytest

from services.order.dependencies import build_progress
from services.order.repository import Patience
from services.order.service.allowance import Allowance
from services.order.service.sweeper import BATCH, MOST_REFUND_TRIES, Sweeper
from tests.order.running import Running


async def age(running: Running, order_id: str) -> None:
    await running.sql(
        "UPDATE orders SET created_at = now() - interval '1 hour', next_check_at = now()"
        " WHERE id = :id",
        id=order_id,
    )


async def test_an_unanswered_command_is_sent_again_with_growing_patience(
    running: Running,
) -> None:
    order_id = await running.placed()
    assert await running.sweep() == 0
    pauses = []
    for _ in range(3):
        await running.due_now(order_id)
        assert await running.sweep() == 1
        rows = await running.sql(
            "SELECT extract(epoch FROM next_check_at - now())::float FROM orders"
        )
        pauses.append(rows[0][0])
    assert pauses[0] < pauses[1] < pauses[2]
    assert (await running.sent(order_id)).count("payment.authorize.v1") == 4
    assert (await running.get(order_id))["version"] == 1


async def test_what_is_shown_under_an_entity_tag_outlives_a_sweep(running: Running) -> None:
    order_id = await running.placed()
    before = await running.get(order_id)
    await running.due_now(order_id)
    assert await running.sweep() == 1
    assert await running.get(order_id) == before
    await running.hear("payment.authorized.v1", order_id)
    assert (await running.get(order_id))["updated_at"] > before["updated_at"]


async def test_an_answer_resets_the_patience(running: Running) -> None:
    order_id = await running.placed()
    await running.due_now(order_id)
    await running.sweep()
    await running.hear("payment.authorized.v1", order_id)
    assert (await running.sql("SELECT checks FROM orders"))[0][0] == 0


@pytest.mark.parametrize(
    ("heard", "reason", "asked"),
    [
        ((), "payment_timeout", ["order.failed.v1", "payment.void.v1", "stock.release.v1"]),
        (
            ("payment.outcome_unknown.v1",),
            "payment_timeout",
            ["order.failed.v1", "payment.void.v1", "stock.release.v1"],
        ),
        (
            ("payment.authorized.v1",),
            "stock_commit_timeout",
            ["order.failed.v1", "payment.void.v1", "stock.release.v1"],
        ),
    ],
)
async def test_an_order_that_waited_too_long_is_closed_and_its_payment_not_guessed(
    running: Running, heard: tuple[str, ...], reason: str, asked: list[str]
) -> None:
    order_id = await running.placed()
    for type_ in heard:
        await running.hear(type_, order_id)
    before = (await running.get(order_id))["payment_status"]
    await age(running, order_id)
    await running.sweep()
    order = await running.get(order_id)
    assert (order["status"], order["reason"]) == ("failed", reason)
    assert order["payment_status"] == before
    assert (await running.sent(order_id))[-3:] == asked


async def test_an_old_confirmed_order_is_only_asked_about(running: Running) -> None:
    order_id = await running.placed()
    await running.hear("payment.authorized.v1", order_id)
    await running.hear("stock.committed.v1", order_id)
    await age(running, order_id)
    await running.sweep()
    assert (await running.get(order_id))["status"] == "confirmed"
    assert (await running.sent(order_id)).count("payment.capture.v1") == 2


async def test_a_refund_that_is_refused_is_tried_again_and_then_left_to_a_person(
    running: Running,
) -> None:
    order_id = await running.paid()
    await running.http.post(f"/v1/orders/{order_id}/cancel", headers=running.headers())
    await running.hear("stock.released.v1", order_id)
    for _ in range(MOST_REFUND_TRIES):
        refunds = (await running.get(order_id))["refunds"]
        await running.hear("payment.refund_failed.v1", order_id, refund_id=refunds[-1]["refund_id"])
        await running.due_now(order_id)
        await running.sweep()
    refunds = (await running.get(order_id))["refunds"]
    assert [refund["status"] for refund in refunds] == ["failed"] * MOST_REFUND_TRIES
    assert (await running.sql("SELECT next_check_at FROM orders"))[0][0] is None


async def test_two_sweepers_share_the_work_and_wait_for_nobody(running: Running) -> None:
    order_ids = [await running.placed() for _ in range(BATCH + 5)]
    await running.sql("UPDATE orders SET next_check_at = now()")
    handled = await asyncio.gather(running.sweep(), running.sweep())
    assert sum(handled) == len(order_ids)
    for order_id in order_ids:
        assert (await running.sent(order_id)).count("payment.authorize.v1") == 2


async def test_a_locked_order_is_passed_over(running: Running) -> None:
    order_id = await running.placed()
    await running.due_now(order_id)
    async with running.resources.database.transaction() as session:
        await build_progress(running.resources, session).orders.locked(order_id)
        assert await running.sweep() == 0
    assert await running.sweep() == 1


async def test_orders_left_in_any_state_come_to_an_end(running: Running) -> None:
    """Bar M10b in small: whatever was lost, asking again is enough."""
    pending = await running.placed()
    authorized = await running.placed()
    await running.hear("payment.authorized.v1", authorized)
    confirmed = await running.placed()
    await running.hear("payment.authorized.v1", confirmed)
    await running.hear("stock.committed.v1", confirmed)
    for order_id in (pending, authorized, confirmed):
        await age(running, order_id)
    await running.sweep()
    for order_id in (pending, authorized):
        await running.hear("payment.voided.v1", order_id)
        await running.hear("stock.released.v1", order_id)
    await running.hear("payment.captured.v1", confirmed)
    rows = await running.sql("SELECT count(*) FROM orders WHERE next_check_at IS NOT NULL")
    assert rows[0][0] == 0


def sweeper_with(running: Running, allowance: Allowance) -> Sweeper:
    return Sweeper(
        running.resources.database,
        lambda session: build_progress(running.resources, session),
        Patience(timedelta(minutes=10), timedelta(minutes=15)),
        10.0,
        allowance,
    )


async def test_no_more_is_sent_again_than_a_slow_receiver_can_take(running: Running) -> None:
    orders = [await running.placed() for _ in range(3)]
    sweeper = sweeper_with(running, Allowance(per_second=0.001, burst=2))
    await running.sql("UPDATE orders SET next_check_at = now() - interval '1 second'")
    assert await sweeper.run() == 3
    sent = [(await running.sent(one)).count("payment.authorize.v1") for one in orders]
    assert sorted(sent) == [1, 2, 2]
    waits = await running.sql("SELECT next_check_at > now() FROM orders WHERE checks = 0")
    assert waits == [(True,)]
    # What is given up does not wait for an allowance: it is news.
    await age(running, orders[0])
    await sweeper.run()
    assert (await running.get(orders[0]))["status"] == "failed"


def test_the_pause_grows_to_a_minute_and_no_further(running: Running) -> None:
    sweeper = sweeper_with(running, Allowance(per_second=5.0, burst=100))
    assert 8 * 2 <= sweeper._pause(1) <= 12 * 2
    assert 48 <= sweeper._pause(50) <= 72


async def test_an_order_that_cannot_be_handled_does_not_hold_up_the_others(
    running: Running,
) -> None:
    broken = await running.placed()
    healthy = await running.placed()
    await running.sql("UPDATE orders SET reason = NULL, currency = 'XXX' WHERE id = :id", id=broken)
    await running.sql("UPDATE orders SET next_check_at = now() - interval '1 second'")
    assert await running.sweep() == 2
    assert (await running.sent(broken)).count("payment.authorize.v1") == 1
    assert (await running.sent(healthy)).count("payment.authorize.v1") == 2
    assert await running.sweep() == 0

"""A payment the customer has to confirm with their bank: order shows where to go, holds the stock, and waits only so long."""

import asyncio
from typing import Any

import pytest

from libs.testing.waiting import eventually
from services.order.settings import OrderSettings
from tests.order.routes.goods import data_of
from tests.order.running import Running

BANK = "https://bank.example/challenge/1"


async def challenged(running: Running, url: str = BANK) -> str:
    order_id = await running.placed()
    await running.hear("payment.action_required.v1", order_id, redirect_url=url)
    return order_id


async def test_the_bank_is_told_where_the_customer_comes_from(running: Running) -> None:
    url = "https://shop.example/return"
    response = await running.post_order(return_url=url)
    assert response.status_code == 202, response.text
    (asked,) = await data_of(running, response.json()["order_id"], "payment.authorize.v1")
    assert asked["return_url"] == url


@pytest.mark.parametrize(
    "url", ["http://shop.example/", "https://me@shop.example/", "https://x.example/" + "a" * 2000]
)
async def test_an_address_that_is_not_safe_is_refused(running: Running, url: str) -> None:
    response = await running.post_order(return_url=url)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["errors"][0]["pointer"] == "/return_url"
    assert running.shop.asked == []


async def test_the_customer_is_sent_to_the_bank_and_the_stock_is_held_longer(
    running: Running,
) -> None:
    order_id = await challenged(running)
    order = await running.get(order_id)
    assert (order["status"], order["payment_status"]) == ("pending", "requires_action")
    assert order["next_action"] == {"type": "redirect", "url": BANK}
    (extend,) = await data_of(running, order_id, "stock.extend.v1")
    settings = running.resources.settings_as(OrderSettings)
    assert extend["ttl_seconds"] == settings.action_timeout_seconds + 60
    await running.hear("payment.authorized.v1", order_id)
    assert (await running.get(order_id))["next_action"] is None
    assert (await running.sent(order_id))[-1] == "stock.commit.v1"


async def test_a_newer_address_replaces_the_older_and_a_repeat_changes_nothing(
    running: Running,
) -> None:
    order_id = await challenged(running)
    before = await running.get(order_id)
    await running.hear("payment.action_required.v1", order_id, redirect_url=BANK)
    assert await running.get(order_id) == before
    await running.hear("payment.action_required.v1", order_id, redirect_url=BANK + "0")
    assert (await running.get(order_id))["next_action"]["url"] == BANK + "0"
    assert (await running.sent(order_id)).count("stock.extend.v1") == 1


async def test_whoever_waits_is_told_at_once_that_the_customer_has_to_act(
    running: Running,
) -> None:
    waiting = asyncio.create_task(running.post_order(prefer="wait=20", key="k1"))

    async def placed() -> str | None:
        rows = await running.sql("SELECT id FROM orders")
        return rows[0][0] if rows else None

    assert await eventually(placed)
    order_id = await placed()
    assert order_id is not None
    await running.hear("payment.action_required.v1", order_id, redirect_url=BANK)
    response = await asyncio.wait_for(waiting, 30)
    assert response.status_code == 202
    assert response.json()["next_action"] == {"type": "redirect", "url": BANK}
    again = await running.post_order(prefer="wait=20", key="k1")
    assert again.json() == response.json()


async def age(running: Running, order_id: str, **minutes: int) -> None:
    for column, count in minutes.items():
        await running.sql(
            f"UPDATE orders SET {column} = now() - make_interval(mins => :minutes),"  # noqa: S608 - a column's name
            " next_check_at = now() WHERE id = :id",
            id=order_id,
            minutes=count,
        )


async def outcome(running: Running, order_id: str) -> tuple[Any, Any]:
    await running.sweep()
    order = await running.get(order_id)
    return order["status"], order["reason"]


async def test_a_customer_may_take_longer_than_a_service_but_not_for_ever(
    running: Running,
) -> None:
    order_id = await challenged(running)
    await age(running, order_id, created_at=24, action_required_at=14)
    assert await outcome(running, order_id) == ("pending", None)
    assert (await running.sent(order_id)).count("payment.authorize.v1") == 2
    await age(running, order_id, action_required_at=16)
    assert await outcome(running, order_id) == ("failed", "payment_timeout")
    assert (await running.sent(order_id))[-3:] == [
        "order.failed.v1",
        "payment.void.v1",
        "stock.release.v1",
    ]
    assert (await running.get(order_id))["next_action"] is None


async def test_an_order_confirmed_at_the_last_moment_has_time_to_sell_its_stock(
    running: Running,
) -> None:
    order_id = await challenged(running)
    await running.hear("payment.authorized.v1", order_id)
    await age(running, order_id, created_at=24, action_required_at=14)
    assert await outcome(running, order_id) == ("pending", None)
    await age(running, order_id, action_required_at=26)
    assert await outcome(running, order_id) == ("failed", "stock_commit_timeout")


async def test_asking_again_gives_no_more_time(running: Running) -> None:
    order_id = await challenged(running)
    await age(running, order_id, created_at=30, action_required_at=16)
    await running.hear("payment.outcome_unknown.v1", order_id)
    await running.hear("payment.action_required.v1", order_id, redirect_url=BANK)
    await running.due_now(order_id)
    assert await outcome(running, order_id) == ("failed", "payment_timeout")


async def test_a_challenge_for_a_closed_order_holds_nothing_and_is_voided(
    running: Running,
) -> None:
    order_id = await running.placed()
    await running.http.post(f"/v1/orders/{order_id}/cancel", headers=running.headers())
    await running.hear("payment.action_required.v1", order_id, redirect_url=BANK)
    order = await running.get(order_id)
    assert (order["payment_status"], order["next_action"]) == ("requires_action", None)
    assert "stock.extend.v1" not in await running.sent(order_id)
    await running.hear("payment.voided.v1", order_id)
    assert (await running.get(order_id))["payment_status"] == "voided"

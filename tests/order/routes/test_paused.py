"""The flag `checkout_open`: what is refused while it is off, and what goes on."""

import httpx
import pytest

from libs.ids import new_id
from libs.testing.flags import FlagsFile
from libs.testing.waiting import eventually
from tests.order.routes.goods import post
from tests.order.running import Running
from tests.order.shop import ADDRESS, CART


async def quote(running: Running, **headers: str) -> httpx.Response:
    return await running.http.post(
        "/v1/quotes",
        json={"cart_id": CART, "address_id": ADDRESS},
        headers=running.headers() | headers,
    )


async def pause(running: Running, flags: FlagsFile) -> None:
    """Turn the flag off, and wait until the running service has read it."""
    flags.turn(checkout_open=False)
    await eventually(lambda: _is_paused(running))


async def _is_paused(running: Running) -> bool:
    return (await quote(running)).status_code == 503


@pytest.mark.parametrize("with_key", [False, True])
async def test_while_paused_quotes_and_orders_are_refused_with_the_time_to_come_back(
    running: Running, flags: FlagsFile, *, with_key: bool
) -> None:
    await pause(running, flags)
    key = {"Idempotency-Key": new_id("key")} if with_key else {}
    for refused in (await quote(running, **key), await running.post_order()):
        assert refused.status_code == 503
        assert refused.json()["code"] == "checkout_paused"
        assert refused.headers["Retry-After"] == "300"
    assert await running.sql("SELECT id FROM orders") == []
    assert running.shop.holds == {}


async def test_a_refused_order_is_refused_however_often_it_is_sent_and_then_placed_under_its_key(
    running: Running, flags: FlagsFile
) -> None:
    await pause(running, flags)
    codes = [(await running.post_order("mine")).json()["code"] for _ in range(3)]
    assert codes == ["checkout_paused"] * 3, "a refusal must not count as an order under way"
    flags.turn(checkout_open=True)

    async def placed() -> bool:
        return (await running.post_order("mine")).status_code == 202

    await eventually(placed)
    assert len(await running.sql("SELECT id FROM orders")) == 1


async def test_orders_under_way_go_on_to_their_end(running: Running, flags: FlagsFile) -> None:
    first = await running.post_order("mine")
    order_id = first.json()["order_id"]
    await pause(running, flags)
    again = await running.post_order("mine")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    for type_ in ("payment.authorized.v1", "stock.committed.v1", "payment.captured.v1"):
        await running.hear(type_, order_id)
    assert (await running.get(order_id))["status"] == "confirmed"
    status, _ = await post(running, order_id, "cancel", {"reason": "changed_mind"})
    assert status == 200


async def test_an_attempt_that_stopped_half_way_before_the_pause_is_brought_to_its_end(
    running: Running, flags: FlagsFile
) -> None:
    running.shop.away.add("product")
    half_way = await running.post_order("mine")
    assert half_way.status_code == 503
    assert half_way.json()["code"] != "checkout_paused"
    running.shop.away.clear()
    await pause(running, flags)
    assert (await running.post_order("mine")).status_code == 202
    assert (await running.post_order("another", cart_version=4)).status_code == 503

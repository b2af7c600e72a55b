"""Whoever places an order may wait for its outcome."""

import asyncio

from libs.testing.waiting import eventually
from tests.order.routes.test_checkout import _only_order
from tests.order.running import Running


async def test_waiting_answers_201_when_the_order_is_confirmed(running: Running) -> None:
    waiting = asyncio.create_task(running.post_order("key-1", prefer="wait=20"))
    order_id = await eventually(lambda: _only_order(running))
    await running.hear("payment.authorized.v1", order_id)
    await running.hear("stock.committed.v1", order_id)
    response = await waiting
    assert response.status_code == 201, response.text
    assert response.json()["status"] == "confirmed"
    assert response.headers["preference-applied"] == "wait=20"
    again = await running.post_order("key-1")
    assert (again.status_code, again.json()["status"]) == (201, "confirmed")


async def test_waiting_answers_402_when_the_payment_is_declined(running: Running) -> None:
    waiting = asyncio.create_task(running.post_order("key-1", prefer="wait=20"))
    order_id = await eventually(lambda: _only_order(running))
    await running.hear("payment.declined.v1", order_id)
    response = await waiting
    assert response.status_code == 402
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "payment_declined"
    assert response.json()["order_id"] == order_id
    again = await running.post_order("key-1")
    assert (again.status_code, again.json()["code"]) == (402, "payment_declined")


async def test_waiting_tells_when_the_stock_was_lost(running: Running) -> None:
    waiting = asyncio.create_task(running.post_order(prefer="wait=20"))
    order_id = await eventually(lambda: _only_order(running))
    await running.hear("payment.authorized.v1", order_id)
    await running.hear("stock.commit_rejected.v1", order_id)
    response = await waiting
    assert (response.status_code, response.json()["code"]) == (409, "order_not_placed")
    assert response.json()["reason"] == "out_of_stock"


async def test_waiting_ends_with_202_and_without_a_session(running: Running) -> None:
    waiting = asyncio.create_task(running.post_order(prefer="wait=1"))
    await eventually(lambda: _only_order(running))
    response = await waiting
    assert response.status_code == 202
    assert response.headers["preference-applied"] == "wait=1"

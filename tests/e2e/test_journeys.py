import asyncio
import json
import os
import re
import secrets
import signal
from typing import Any

import asyncpg
import httpx
import pytest

from libs.testing.waiting import eventually
from libs.topology import SERVICES, schema_of
from tests.e2e.shopper import Shopper, new_product, settled
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.stack]


async def ledger_sum(admin: Shopper) -> int:
    books = await admin.get("/v1/ledger/balances")
    return sum(int(item["balance_minor"]) for item in books["items"])


def test_the_demo_goes_through_twice_in_a_row(stack: Stack) -> None:
    for _ in range(2):
        told = stack.command("demo")
        assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-1000:]
        assert "Everything as it should be" in told.stdout


def test_the_trace_of_an_order_tells_the_story_in_order(stack: Stack) -> None:
    told = stack.command("demo")
    order_id = re.findall(r"ord_[0-9a-f]{32}", told.stdout)[-1]
    trace = stack.command("trace", order_id).stdout
    story = [
        "POST /v1/orders",
        "wrote order.placed.v1",
        "handled payment.authorize.v1",
        "order: pending > confirmed",
        "capture: debit",
    ]
    assert [part for part in story if part in trace] == story, trace


async def test_sixty_four_buyers_of_twenty_pieces_make_twenty_orders(
    http: httpx.AsyncClient, admin: Shopper
) -> None:
    sku = await new_product(admin, stock=20)
    buyers = [Shopper(http) for _ in range(64)]
    for start in range(0, 64, 8):
        await asyncio.gather(*(buyer.register() for buyer in buyers[start : start + 8]))

    async def prepare(buyer: Shopper) -> dict[str, Any]:
        cart = await buyer.fill_cart(sku)
        return await buyer.order_body(cart["cart_id"])

    bodies = await asyncio.gather(*(prepare(buyer) for buyer in buyers))
    answers = await asyncio.gather(
        *(buyer.place(body) for buyer, body in zip(buyers, bodies, strict=True))
    )
    placed = [
        (buyer, answer.json()["order_id"])
        for buyer, answer in zip(buyers, answers, strict=True)
        if answer.status_code == 202
    ]
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 202]
    assert len(placed) == 20, refused
    assert set(refused) == {"out_of_stock"}
    for buyer, order_id in placed:
        assert (await settled(buyer, order_id))["status"] == "confirmed"
    level = await admin.get(f"/v1/stock-levels/{sku}")
    assert (level["available"], level["held"], level["sold"]) == (0, 0, 20)
    assert await ledger_sum(admin) == 0


@pytest.mark.parametrize(("decision", "status"), [("confirm", "confirmed"), ("refuse", "failed")])
async def test_the_customers_decision_at_the_bank_decides_the_order(
    http: httpx.AsyncClient, admin: Shopper, decision: str, status: str
) -> None:
    sku = await new_product(admin, stock=1)
    buyer = await Shopper(http).register()
    body = await buyer.order_body((await buyer.fill_cart(sku))["cart_id"], "tok_3ds_required")
    back = "http://localhost:8080/thanks"
    order_id = (await buyer.place({**body, "return_url": back})).json()["order_id"]

    async def asked() -> str | None:
        action = (await buyer.get(f"/v1/orders/{order_id}"))["next_action"]
        return action["url"] if action else None

    page = await eventually(asked, 30)
    assert page is not None
    assert "Confirm your payment" in (await http.get(page)).text
    answer = await http.post(page, data={"decision": decision})
    assert (answer.status_code, answer.headers["location"]) == (303, back)
    assert (await settled(buyer, order_id))["status"] == status
    sold = int(status == "confirmed")

    async def counted() -> bool:
        level = await admin.get(f"/v1/stock-levels/{sku}")
        assert (level["available"], level["held"], level["sold"]) == (1 - sold, 0, sold)
        return True

    await eventually(counted, 30)


async def test_a_hundred_requests_with_one_key_make_one_order(
    http: httpx.AsyncClient, admin: Shopper
) -> None:
    sku = await new_product(admin, stock=50)
    buyer = await Shopper(http).register()
    cart = await buyer.fill_cart(sku)
    body = await buyer.order_body(cart["cart_id"])
    answers = await asyncio.gather(*(buyer.place(body, key="one-order") for _ in range(100)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    ids = {answer.json()["order_id"] for answer in answers if answer.status_code == 202}
    assert len(ids) == 1
    assert (await settled(buyer, ids.pop()))["status"] == "confirmed"
    level = await admin.get(f"/v1/stock-levels/{sku}")
    assert (level["available"], level["held"], level["sold"]) == (49, 0, 1)


@pytest.mark.parametrize("victim", ["order", "payment", "product"])
async def test_an_order_settles_although_a_process_is_killed_in_its_middle(
    stack: Stack, http: httpx.AsyncClient, admin: Shopper, victim: str
) -> None:
    sku = await new_product(admin, stock=5)
    buyer = await Shopper(http).register()
    cart = await buyer.fill_cart(sku)
    body = await buyer.order_body(cart["cart_id"], "tok_slow" if victim == "payment" else "tok_ok")
    placed = await buyer.place(body)
    assert placed.status_code == 202, placed.text
    os.kill(stack.pid_of(victim), signal.SIGKILL)

    async def back() -> bool:
        answer = await http.get(f"/v1/orders/{placed.json()['order_id']}", headers=buyer.headers)
        level = await http.get(f"/v1/stock-levels/{sku}", headers=admin.headers)
        books = await http.get("/v1/ledger/balances", headers=admin.headers)
        return all(part.status_code == 200 for part in (answer, level, books))

    await eventually(back, timeout=60)
    assert (await settled(buyer, placed.json()["order_id"], 90))["status"] == "confirmed"
    level = await admin.get(f"/v1/stock-levels/{sku}")
    assert (level["available"], level["held"], level["sold"]) == (4, 0, 1)
    assert await ledger_sum(admin) == 0


async def test_the_shop_carries_on_after_its_message_broker_died(
    stack: Stack, http: httpx.AsyncClient, admin: Shopper
) -> None:
    sku = await new_product(admin, stock=5)
    buyer = await Shopper(http).register()
    cart = await buyer.fill_cart(sku)
    placed = await buyer.place(await buyer.order_body(cart["cart_id"]))
    os.kill(stack.pid_of("ministack"), signal.SIGKILL)
    assert (await settled(buyer, placed.json()["order_id"], 90))["status"] == "confirmed"


async def test_one_trace_leads_from_the_request_to_the_last_message(
    stack: Stack, http: httpx.AsyncClient, admin: Shopper
) -> None:
    sku = await new_product(admin, stock=5)
    buyer = await Shopper(http).register()
    cart = await buyer.fill_cart(sku)
    body = await buyer.order_body(cart["cart_id"])
    trace_id = secrets.token_hex(16)
    buyer.headers["traceparent"] = f"00-{trace_id}-{secrets.token_hex(8)}-01"
    order_id = (await buyer.place(body)).json()["order_id"]
    await settled(buyer, order_id)
    told = stack.command("trace", order_id)
    assert "handled payment.captured.v1" in told.stdout
    traces = await trace_ids_of(stack, order_id)
    assert len(traces) >= 8
    assert set(traces) == {trace_id}


async def test_the_status_of_an_order_streams_through_the_gateway(
    http: httpx.AsyncClient, admin: Shopper
) -> None:
    sku = await new_product(admin, stock=5)
    buyer = await Shopper(http).register()
    cart = await buyer.fill_cart(sku)
    order_id = (await buyer.place(await buyer.order_body(cart["cart_id"]))).json()["order_id"]
    seen = []
    path = f"/v1/orders/{order_id}/events"
    async with asyncio.timeout(60), http.stream("GET", path, headers=buyer.headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:")))
            if "captured" in line:
                break
    sequences = [entry["sequence"] for entry in seen]
    assert sequences == list(range(1, len(seen) + 1))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/reservations",
        "/v1/reservations/ord_x/release",
        "/v1/identities/usr_x",
        "/livez",
        "/metrics",
    ],
)
async def test_internal_operations_have_no_route_at_the_edge(
    http: httpx.AsyncClient, admin: Shopper, path: str
) -> None:
    for method in ("GET", "POST"):
        answer = await http.request(method, path, headers=admin.headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("application/problem+json")


async def trace_ids_of(stack: Stack, order_id: str) -> list[str]:
    """Return the trace id of every message about an order, from all outboxes."""
    connection = await asyncpg.connect(stack.database)
    try:
        found: list[str] = []
        for service in SERVICES:
            rows = await connection.fetch(
                f"SELECT envelope FROM {schema_of(service)}.outbox_messages"  # noqa: S608 - constant names
                " WHERE envelope::jsonb #>> '{data,order_id}' = $1",
                order_id,
            )
            found += [json.loads(row["envelope"])["traceparent"].split("-")[1] for row in rows]
        return found
    finally:
        await connection.close()

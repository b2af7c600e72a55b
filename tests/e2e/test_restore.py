"""The database back at a moment in the middle of trade: whole, consistent, and apart from the provider's books only where it must be."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from libs.testing.waiting import eventually
from tests.e2e.shopper import Shopper, new_product, settled
from tests.e2e.stack import Stack, start_stack

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

BUYERS = 4
PIECES = 1000

Ordered = tuple[str, datetime, datetime]
"""An order's id, and the times between which it was placed."""


async def test_a_restore_during_trade_loses_only_what_came_later(tmp_path: Path) -> None:
    stack = start_stack(tmp_path)
    try:
        backed_up = stack.command("backup")
        assert backed_up.returncode == 0, backed_up.stderr
        sku, moment, placed = await _trade_around_a_moment(stack)
    finally:
        stack.stop()
    refused = stack.command("restore", "--to", "2020-01-01T00:00:00Z")
    assert "only later moments can be restored" in refused.stderr
    restored = stack.command("restore", "--to", moment.isoformat())
    assert restored.returncode == 0, restored.stderr
    again = start_stack(tmp_path, offset=int(stack.environment["PORT_OFFSET"]))
    try:
        await _everything_before_and_nothing_after(again, placed, moment)
        await _what_was_on_its_way_arrives(again, sku)
        await _the_provider_knows_more_only_of_later_orders(again, moment)
    finally:
        again.stop()


@asynccontextmanager
async def _gateway(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.gateway, timeout=60) as http:
        yield http


async def _trade_around_a_moment(
    stack: Stack,
) -> tuple[str, datetime, list[Ordered]]:
    """Have several customers buy without a pause, and choose a moment while they do."""
    async with _gateway(stack) as http:
        admin = await _admin(stack, http)
        sku = await new_product(admin, stock=PIECES)
        enough = asyncio.Event()
        shoppers = [await Shopper(http).register() for _ in range(BUYERS)]
        async with asyncio.TaskGroup() as trade:
            buying = [trade.create_task(_buy(shopper, sku, enough)) for shopper in shoppers]
            await _orders_exist(stack, 10)
            moment = await _database_time(stack)
            await _orders_exist(stack, 20)
            enough.set()
    return sku, moment, [order for one in buying for order in one.result()]


async def _buy(shopper: Shopper, sku: str, enough: asyncio.Event) -> list[Ordered]:
    """Buy until told to stop."""
    orders: list[Ordered] = []
    while not enough.is_set():
        cart = await shopper.fill_cart(sku)
        body = await shopper.order_body(cart["cart_id"])
        began = datetime.now(UTC)  # noqa: TID251 - compared with the database's own clock
        placed = await shopper.place(body)
        ended = datetime.now(UTC)  # noqa: TID251 - see above
        assert placed.status_code == 202, placed.text
        orders.append((placed.json()["order_id"], began, ended))
        await eventually(partial(_is_empty, shopper, cart["cart_id"]), timeout=60)
    return orders


async def _is_empty(shopper: Shopper, cart_id: str) -> bool:
    cart = await shopper.get(f"/v1/carts/{cart_id}")
    return not cart["lines"]


async def _everything_before_and_nothing_after(
    stack: Stack, placed: list[Ordered], moment: datetime
) -> None:
    known = {row["id"] for row in await _rows(stack, "SELECT id FROM shop_order.orders")}
    before = {order_id for order_id, _, ended in placed if ended < moment}
    after = {order_id for order_id, began, _ in placed if began > moment}
    assert before
    assert after
    assert before <= known
    assert not after & known


async def _what_was_on_its_way_arrives(stack: Stack, sku: str) -> None:
    """Orders that were half-way at the moment are carried to their end with the provider's true answers."""
    unsettled = """
        SELECT id, order_status, payment_status FROM shop_order.orders
        WHERE NOT (order_status = 'confirmed' AND payment_status = 'captured')
    """

    async def nothing_open() -> bool:
        assert not await _rows(stack, unsettled)
        return True

    # Whoever held a piece and wrote the order down after the moment: the hold runs out like that of a crashed order.
    held_for_lost_orders = f"""
        SELECT coalesce(sum(line.quantity), 0) AS pieces
        FROM shop_product.reservations JOIN shop_product.reservation_lines AS line USING (order_id)
        WHERE line.sku = '{sku}' AND state = 'held' AND expires_at < now() + interval '1 hour'
          AND order_id NOT IN (SELECT id FROM shop_order.orders)
    """  # noqa: S608 - our own SKU
    await eventually(nothing_open, timeout=90)
    async with _gateway(stack) as http:
        admin = await _admin(stack, http)
        level = await admin.get(f"/v1/stock-levels/{sku}")
        [sold] = await _rows(stack, "SELECT sum(quantity) AS pieces FROM shop_order.order_lines")
        assert level["available"] + level["held"] == PIECES - level["sold"]
        [held] = await _rows(stack, held_for_lost_orders)
        assert level["held"] == held["pieces"]
        assert level["sold"] == sold["pieces"]
        books = await admin.get("/v1/ledger/balances")
        assert sum(int(item["balance_minor"]) for item in books["items"]) == 0
        buyer = await Shopper(http).register()
        cart = await buyer.fill_cart(sku)
        placed = await buyer.place(await buyer.order_body(cart["cart_id"]))
        assert (await settled(buyer, placed.json()["order_id"]))["status"] == "confirmed"


async def _the_provider_knows_more_only_of_later_orders(stack: Stack, moment: datetime) -> None:
    """Every charge is that of one order, and reconciliation opens a case for each that nobody here knows of."""
    [book] = (stack.home / "meridian" / "data" / "simulator").glob("book.sqlite3")
    with sqlite3.connect(f"file:{book}?mode=ro", uri=True) as connection:
        charged: list[str] = [
            order_id
            for (order_id,) in connection.execute(
                "SELECT metadata ->> 'order_id' FROM charges"
                " WHERE status IN ('authorized', 'captured')"
            )
        ]
    assert len(charged) == len(set(charged)), "an order asked again and was charged twice"
    known = {row["id"] for row in await _rows(stack, "SELECT id FROM shop_order.orders")}
    assert known <= set(charged)
    lost = set(charged) - known
    assert lost
    for day in sorted({moment.date(), (await _database_time(stack)).date()}):
        compared = stack.command("reconcile", "--day", day.isoformat())
        assert compared.returncode == 0, compared.stdout + compared.stderr
    cases = await _rows(stack, "SELECT kind, order_id FROM shop_payment.reconciliation_cases")
    assert sorted(case["order_id"] for case in cases) == sorted(lost)
    assert {case["kind"] for case in cases} == {"missing_here"}


async def _admin(stack: Stack, http: httpx.AsyncClient) -> Shopper:
    return await Shopper(http).log_in_as(stack.administrator)


async def _orders_exist(stack: Stack, count: int) -> None:
    async def enough() -> bool:
        [row] = await _rows(stack, "SELECT count(*) AS n FROM shop_order.orders")
        return int(row["n"]) >= count

    await eventually(enough, timeout=120)


async def _database_time(stack: Stack) -> datetime:
    moment: datetime = (await _rows(stack, "SELECT clock_timestamp() AS now"))[0]["now"]
    return moment


async def _rows(stack: Stack, query: str) -> list[Any]:
    connection = await asyncpg.connect(stack.database)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()

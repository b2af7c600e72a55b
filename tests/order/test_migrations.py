from itertools import product

import asyncpg
import pytest

from libs.database.migrations import differences, downgrade, upgrade
from libs.testing.databases import Databases
from services.order.domain.states import (
    EDGES,
    Axis,
    OrderStatus,
    PaymentStatus,
    ShipmentStatus,
)

STATUSES: dict[Axis, list[str]] = {
    Axis.ORDER: list(OrderStatus),
    Axis.PAYMENT: list(PaymentStatus),
    Axis.SHIPMENT: list(ShipmentStatus),
}
INSERT = """
INSERT INTO orders (
    id, user_id, home_region, cart_id, cart_version, order_status, payment_status,
    shipment_status, stock_returned, currency, subtotal_minor, shipping_minor, tax_minor,
    tax_included, total_minor, captured_minor, refunded_minor, payment_method, payment_version,
    address_id, ship_to, version, last_sequence, checks
) VALUES (
    $1, 'usr', 'us-east-1', $2, 1, $3, 'pending', 'pending', false, 'USD', 100, 0, 0, false, 100,
    0, 0, 'tok_ok', 0, 'adr', '{}', 1, 1, 0
)
"""


async def test_models_and_migrations_say_the_same(databases: Databases) -> None:
    url = databases.fresh().url("order", "migrator")
    assert await differences("order", url) == []


async def test_migrations_go_down_and_up_again(databases: Databases) -> None:
    url = databases.fresh().url("order", "migrator")
    await downgrade("order", url, "base")
    await upgrade("order", url)
    assert await differences("order", url) == []


async def test_the_database_allows_exactly_the_edges_the_code_allows(
    database_urls: Databases,
) -> None:
    connection = await asyncpg.connect(database_urls["order"])
    try:
        for axis, statuses in STATUSES.items():
            for before, after in product(statuses, statuses):
                legal = await connection.fetchval(
                    "SELECT order_edge_is_legal($1, $2, $3)", str(axis), str(before), str(after)
                )
                assert legal == ((before, after) in EDGES[axis]), (axis, before, after)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("order_status = 'nonsense', version = 2", "cannot go from pending to nonsense"),
        ("payment_status = 'captured', version = 2", "cannot go from pending to captured"),
        ("payment_status = 'authorized'", "must raise its version"),
        ("shipment_status = 'shipped', version = 2", "ck_orders_shipped_confirmed"),
        ("captured_minor = 101", "ck_orders_money"),
        ("refunded_minor = 1", "ck_orders_money"),
        ("total_minor = 99", "ck_orders_total"),
    ],
)
async def test_the_database_refuses_what_the_rules_refuse(
    database_urls: Databases, change: str, why: str
) -> None:
    connection = await asyncpg.connect(database_urls["order"])
    try:
        await connection.execute(INSERT, "ord_1", "crt_1", "pending")
        with pytest.raises(asyncpg.CheckViolationError, match=why):
            await connection.execute(f"UPDATE orders SET {change}")  # noqa: S608 - from the list above
    finally:
        await connection.close()


async def test_an_order_starts_pending(database_urls: Databases) -> None:
    connection = await asyncpg.connect(database_urls["order"])
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="starts pending"):
            await connection.execute(INSERT, "ord_1", "crt_1", "confirmed")
    finally:
        await connection.close()


async def test_a_cart_version_has_one_live_order_and_any_number_of_failed_ones(
    database_urls: Databases,
) -> None:
    connection = await asyncpg.connect(database_urls["order"])
    try:
        await connection.execute(INSERT, "ord_1", "crt_1", "pending")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(INSERT, "ord_2", "crt_1", "pending")
        await connection.execute("UPDATE orders SET order_status = 'failed', version = 2")
        await connection.execute(INSERT, "ord_2", "crt_1", "pending")
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE order_lines SET quantity = 9",
        "DELETE FROM order_lines",
        "UPDATE order_timeline SET cause = 'x'",
        "DELETE FROM order_timeline",
        "UPDATE shipments SET carrier = 'x'",
        "DELETE FROM orders",
        "DELETE FROM refunds",
        "ALTER TABLE orders DISABLE TRIGGER ALL",
    ],
)
async def test_the_application_cannot_rewrite_history(
    database_urls: Databases, statement: str
) -> None:
    connection = await asyncpg.connect(database_urls["order"])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()

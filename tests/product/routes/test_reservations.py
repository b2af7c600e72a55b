from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from libs.ids import new_id
from tests.product.shop import Shop

ORDER = new_id("ord")


def body(lines: dict[str, int], order_id: str = ORDER, **more: object) -> dict[str, object]:
    return {
        "order_id": order_id,
        "currency": "USD",
        "lines": [{"sku": sku, "quantity": pieces} for sku, pieces in lines.items()],
        **more,
    }


@pytest.fixture
async def statements(client: httpx.AsyncClient, product_app: FastAPI) -> AsyncIterator[list[str]]:
    seen: list[str] = []

    def record(_c: object, _u: object, statement: str, *_: object) -> None:
        seen.append(statement)

    engine = product_app.state.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", record)
    yield seen
    event.remove(engine, "before_cursor_execute", record)


async def hold(
    client: httpx.AsyncClient,
    as_order: dict[str, str],
    asked: dict[str, object],
    key: str | None = None,
) -> httpx.Response:
    headers = {**as_order, "Idempotency-Key": key or f"hold-{asked['order_id']}"}
    return await client.post("/v1/reservations", json=asked, headers=headers)


async def test_a_hold_answers_the_authoritative_prices(
    client: httpx.AsyncClient, shop: Shop, as_order: dict[str, str]
) -> None:
    product = await shop.product("mug", title="Mug", stock={"A": 5})
    held = await hold(client, as_order, body({"A": 2}))
    assert held.status_code == 201, held.text
    answer = held.json()
    assert answer.pop("expires_at") is not None
    assert answer == {
        "order_id": ORDER,
        "state": "held",
        "currency": "USD",
        "lines": [
            {
                "sku": "A",
                "product_id": product.id,
                "title": "Mug, Form A",
                "quantity": 2,
                "unit_price_minor": 1299,
                "price_version": 1,
            }
        ],
    }
    replay = await hold(client, as_order, body({"A": 2}))
    assert (replay.content, replay.headers["Idempotency-Replayed"]) == (held.content, "true")
    other_key = await hold(client, as_order, body({"A": 2}), key="another")
    assert (other_key.status_code, other_key.json()) == (200, held.json())
    other_lines = await hold(client, as_order, body({"A": 3}), key="yet-another")
    assert (other_lines.status_code, other_lines.json()["code"]) == (409, "reservation_conflict")
    assert await shop.piles("A") == (3, 2, 0)


async def test_out_of_stock_lists_what_is_there_and_is_not_remembered(
    client: httpx.AsyncClient, shop: Shop, as_order: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 5, "B": 1})
    refused = await hold(client, as_order, body({"A": 2, "B": 2}))
    assert refused.status_code == 409
    assert refused.json()["code"] == "out_of_stock"
    assert refused.json()["shortages"] == [{"sku": "B", "requested": 2, "available": 1}]
    await shop.receive("B", 1)
    assert (await hold(client, as_order, body({"A": 2, "B": 2}))).status_code == 201


async def test_the_statements_of_a_hold_grow_only_by_the_events_it_tells(
    client: httpx.AsyncClient, shop: Shop, as_order: dict[str, str], statements: list[str]
) -> None:
    await shop.product("many", stock={f"S{number}": 9 for number in range(12)})
    counts = []
    for lines in (1, 12):
        statements.clear()
        asked = body({f"S{number}": 1 for number in range(lines)}, new_id("ord"))
        assert (await hold(client, as_order, asked)).status_code == 201
        counts.append(sum("outbox_messages" not in statement for statement in statements))
    assert counts[0] == counts[1] <= 8


async def test_a_release_gives_the_pieces_back(
    client: httpx.AsyncClient, shop: Shop, as_order: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 5})
    await hold(client, as_order, body({"A": 2}))
    for _ in range(2):
        released = await client.post(f"/v1/reservations/{ORDER}/release", headers=as_order)
        assert (released.status_code, released.json()["state"]) == (200, "released")
    assert await shop.piles("A") == (5, 0, 0)
    late = await hold(client, as_order, body({"A": 2}), key="late")
    assert (late.status_code, late.json()["code"]) == (409, "reservation_closed")


async def test_a_hold_lasts_as_long_as_asked(
    client: httpx.AsyncClient, shop: Shop, as_order: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 5})
    short = await hold(client, as_order, body({"A": 1}, new_id("ord"), ttl_seconds=60))
    usual = await hold(client, as_order, body({"A": 1}, new_id("ord")))
    assert short.json()["expires_at"] < usual.json()["expires_at"]


@pytest.mark.parametrize(
    "change",
    [
        {"lines": []},
        {"lines": [{"sku": "A", "quantity": 0}]},
        {"lines": [{"sku": "A", "quantity": 10_001}]},
        {"lines": [{"sku": "A", "quantity": "2"}]},
        {"currency": "usd"},
        {"order_id": "no such id"},
        {"ttl_seconds": 0},
    ],
)
async def test_a_senseless_hold_is_refused(
    client: httpx.AsyncClient, as_order: dict[str, str], change: dict[str, object]
) -> None:
    answer = await hold(client, as_order, {**body({"A": 1}), **change}, key="k")
    assert answer.status_code == 422


async def test_a_hold_needs_a_key_and_a_service_on_the_list(
    client: httpx.AsyncClient,
    as_order: dict[str, str],
    as_admin: dict[str, str],
    service_token: Callable[[str, str], str],
) -> None:
    without_key = await client.post("/v1/reservations", json=body({"A": 1}), headers=as_order)
    assert (without_key.status_code, without_key.json()["code"]) == (400, "idempotency_key_missing")
    as_cart = {"Service-Authorization": f"Bearer {service_token('cart', 'product')}"}
    assert (await hold(client, as_cart, body({"A": 1}))).status_code == 403
    assert (await hold(client, as_admin, body({"A": 1}))).status_code == 401

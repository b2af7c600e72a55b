"""Quotes and orders: what is sold, to whom, once."""

import asyncio

import pytest

from libs.ids import new_id
from libs.testing.waiting import eventually
from tests.order.running import Running
from tests.order.shop import ADDRESS, CART, OTHER


async def test_a_quote_shows_lines_tax_shipping_and_total(running: Running) -> None:
    response = await running.http.post(
        "/v1/quotes", json={"cart_id": CART, "address_id": ADDRESS}, headers=running.headers()
    )
    assert response.status_code == 200, response.text
    body = response.json()
    assert [(line["sku"], line["tax"]["amount_minor"]) for line in body["lines"]] == [
        ("MUG-RED-L", 218),
        ("PEN-BLUE", 18),
    ]
    assert body["subtotal"] == {"amount_minor": 3250, "currency": "USD"}
    assert body["shipping"]["amount_minor"] == 599
    assert body["tax"]["amount_minor"] == 236
    assert body["total"]["amount_minor"] == 4085
    assert body["tax_included"] is False
    assert body["cart_version"] == 3


async def test_a_repeated_quote_with_a_key_is_the_same_even_if_prices_moved(
    running: Running,
) -> None:
    headers = running.headers() | {"Idempotency-Key": "quote-1"}
    body = {"cart_id": CART, "address_id": ADDRESS}
    first = await running.http.post("/v1/quotes", json=body, headers=headers)
    running.shop.prices["PEN-BLUE"] = 1
    again = await running.http.post("/v1/quotes", json=body, headers=headers)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"lines": {}}, 409, "cart_empty"),
        ({"lines": {"GONE": 1}}, 409, "variant_unavailable"),
        ({"country": "AQ"}, 409, "destination_not_served"),
    ],
)
async def test_what_cannot_be_sold_cannot_be_quoted(
    running: Running, change: dict[str, object], status: int, code: str
) -> None:
    for name, value in change.items():
        setattr(running.shop, name, value)
    response = await running.http.post(
        "/v1/quotes", json={"cart_id": CART, "address_id": ADDRESS}, headers=running.headers()
    )
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"cart_id": "crt_" + "0" * 32, "address_id": ADDRESS}, "order_cart_not_found"),
        ({"cart_id": CART, "address_id": "adr_" + "0" * 32}, "order_address_not_found"),
    ],
)
async def test_foreign_carts_and_addresses_do_not_exist(
    running: Running, body: dict[str, str], code: str
) -> None:
    response = await running.http.post("/v1/quotes", json=body, headers=running.headers())
    assert (response.status_code, response.json()["code"]) == (404, code)


async def test_an_order_is_placed_held_and_its_payment_asked_for(running: Running) -> None:
    response = await running.post_order()
    assert response.status_code == 202, response.text
    body = response.json()
    order_id = body["order_id"]
    assert response.headers["location"] == f"/v1/orders/{order_id}"
    assert response.headers["etag"] == '"v1"'
    assert (body["status"], body["payment_status"], body["shipment_status"]) == ("pending",) * 3
    assert body["total"] == {"amount_minor": 4085, "currency": "USD"}
    assert body["ship_to"]["city"] == "San Jose"
    assert running.shop.holds[order_id] == {"MUG-RED-L": 2, "PEN-BLUE": 1}
    assert await running.sent(order_id) == ["order.placed.v1", "payment.authorize.v1"]
    assert await running.get(order_id) == body


async def test_the_same_key_twice_makes_one_order(running: Running) -> None:
    first = await running.post_order("key-1")
    again = await running.post_order("key-1")
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert len(running.shop.holds) == 1


async def test_another_body_under_the_same_key_is_refused(running: Running) -> None:
    await running.post_order("key-1")
    other = await running.post_order("key-1", payment_method="tok_decline")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_order_needs_a_key(running: Running) -> None:
    response = await running.http.post(
        "/v1/orders", json=running.order_body(), headers=running.headers()
    )
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")


async def test_a_hundred_requests_with_one_key_make_one_order(running: Running) -> None:
    answers = await asyncio.gather(*(running.post_order("key-1") for _ in range(100)))
    # A machine too busy to serve a hundred at once may shed some (503); it may not run one twice.
    codes = {r.json()["code"] for r in answers if r.status_code not in {202, 503}}
    assert codes <= {"idempotency_in_flight"}
    assert len({r.content for r in answers if r.status_code == 202}) == 1
    assert [row[0] for row in await running.sql("SELECT count(*) FROM orders")] == [1]
    assert len(running.shop.holds) == 1


async def test_two_keys_for_one_cart_version_make_one_order(running: Running) -> None:
    answers = await asyncio.gather(*(running.post_order() for _ in range(10)))
    placed = [r.json()["order_id"] for r in answers if r.status_code == 202]
    refused = [r for r in answers if r.status_code != 202]
    assert len(placed) == 1
    assert {r.json()["code"] for r in refused} == {"cart_already_ordered"}
    assert {r.json()["order_id"] for r in refused} == set(placed)
    assert set(running.shop.holds) == set(placed)
    assert running.shop.stock["MUG-RED-L"] == 98


async def test_a_late_second_order_of_the_cart_names_the_first(running: Running) -> None:
    first = await running.post_order()
    running.shop.cart_version += 1
    second = await running.post_order(cart_version=3)
    assert second.status_code == 409
    assert second.json()["order_id"] == first.json()["order_id"]


async def test_a_failed_order_leaves_its_cart_version_free(running: Running) -> None:
    first = await running.post_order()
    await running.hear("payment.declined.v1", first.json()["order_id"])
    second = await running.post_order()
    assert second.status_code == 202


async def test_a_changed_cart_is_refused_before_anything_is_held(running: Running) -> None:
    response = await running.post_order(cart_version=2)
    assert (response.status_code, response.json()["code"]) == (409, "cart_changed")
    assert response.json()["cart_version"] == 3
    assert not running.shop.holds


async def test_a_changed_price_is_refused_with_the_new_quote_and_nothing_held(
    running: Running,
) -> None:
    running.shop.prices["PEN-BLUE"] = 350
    response = await running.post_order("key-1")
    assert (response.status_code, response.json()["code"]) == (409, "total_changed")
    total = response.json()["quote"]["total"]["amount_minor"]
    assert total == 4085 + 100 + 7
    assert not running.shop.holds
    again = await running.post_order("key-2", total=total)
    assert again.status_code == 202


async def test_a_refusal_frees_its_key(running: Running) -> None:
    running.shop.prices["PEN-BLUE"] = 350
    assert (await running.post_order("key-1")).status_code == 409
    running.shop.prices["PEN-BLUE"] = 250
    assert (await running.post_order("key-1")).status_code == 202


async def test_sold_out_goods_are_named_as_product_named_them(running: Running) -> None:
    running.shop.stock["PEN-BLUE"] = 0
    response = await running.post_order()
    assert (response.status_code, response.json()["code"]) == (409, "out_of_stock")
    assert response.json()["shortages"] == [{"sku": "PEN-BLUE", "available": 0}]
    assert response.json()["detail"] == "because of out_of_stock"


async def test_a_place_we_do_not_deliver_to_releases_the_hold(running: Running) -> None:
    running.shop.country = "AQ"
    response = await running.post_order()
    assert response.json()["code"] == "destination_not_served"
    assert len(running.shop.released) == 1


@pytest.mark.parametrize("service", ["cart", "user", "product"])
async def test_a_service_that_is_away_is_503_and_the_retry_resumes(
    running: Running, service: str
) -> None:
    running.shop.away.add(service)
    response = await running.post_order("key-1")
    assert (response.status_code, response.json()["code"]) == (503, "dependency_unavailable")
    assert "retry-after" in response.headers
    running.shop.away.clear()

    async def placed() -> bool:  # the circuit may stay open for a moment
        return (await running.post_order("key-1")).status_code == 202

    assert await eventually(placed, 60)
    assert [row[0] for row in await running.sql("SELECT count(*) FROM orders")] == [1]


async def test_a_hold_that_cannot_be_released_now_is_released_by_message(running: Running) -> None:
    running.shop.prices["PEN-BLUE"] = 350
    running.shop.release_is_away = True
    response = await running.post_order()
    assert (response.status_code, response.json()["code"]) == (409, "total_changed")
    (held,) = running.shop.holds
    assert await running.sent(held) == ["stock.release.v1"]


async def test_no_database_session_is_held_during_calls(running: Running) -> None:
    busy: list[int] = []

    async def look() -> None:
        rows = await running.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user"
            " AND state LIKE 'idle in transaction%'"
        )
        busy.append(rows[0][0])

    running.shop.before_hold = look
    assert (await running.post_order()).status_code == 202
    assert busy == [0]


@pytest.mark.parametrize(
    "change",
    [
        {"cart_id": "nonsense"},
        {"cart_version": -1},
        {"cart_version": "3"},
        {"payment_method": "4111 1111 1111 1112"},
        {"expected_total": {"amount_minor": -5, "currency": "USD"}},
        {"expected_total": {"amount_minor": 5, "currency": "XXX"}},
        {"surprise": True},
    ],
)
async def test_a_malformed_order_is_a_problem_that_names_the_field(
    running: Running, change: dict[str, object]
) -> None:
    headers = running.headers() | {"Idempotency-Key": new_id("key")}
    response = await running.http.post(
        "/v1/orders", json={**running.order_body(), **change}, headers=headers
    )
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"]
    assert not running.shop.asked


@pytest.mark.parametrize("number", ["4111 1111 1111 1111", "4111111111111111"])
async def test_an_order_with_a_card_number_in_it_goes_nowhere(
    running: Running, number: str
) -> None:
    response = await running.post_order(payment_method=number)
    assert (response.status_code, response.json()["code"]) == (422, "card_number_refused")
    assert number not in response.text
    assert not running.shop.asked


async def test_somebody_elses_order_is_never_named(running: Running) -> None:
    await running.post_order()
    response = await running.post_order(user=OTHER)
    assert (response.status_code, response.json()["code"]) == (404, "order_cart_not_found")


async def _only_order(running: Running) -> str:
    rows = await running.sql("SELECT id FROM orders")
    return str(rows[0][0]) if rows else ""

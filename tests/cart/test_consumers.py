import random

from libs.contracts.message import Amount
from libs.contracts.order import OrderLine, OrderPlaced
from libs.contracts.product import StockChanged
from tests.cart.conftest import USER, Headers, Running, product_changed


def placed(cart_id: str, cart_version: int, quantity: int) -> OrderPlaced:
    line = OrderLine(
        sku="MUG", title="Mug", quantity=quantity, unit_price_minor=1000, price_version=1
    )
    return OrderPlaced(
        order_id="ord_" + "1" * 32,
        user_id=USER,
        home_region="us-east-1",
        cart_id=cart_id,
        cart_version=cart_version,
        lines=(line,),
        total=Amount(amount_minor=1000, currency="USD"),
    )


async def test_a_price_change_is_warned_of_until_it_is_accepted(
    running: Running, headers: Headers
) -> None:
    mine = headers()
    await running.tell(product_changed(1000), 1)
    cart = await running.open(mine)
    await running.add(cart["cart_id"], mine)
    await running.tell(product_changed(1200), 2)

    path = f"/v1/carts/{cart['cart_id']}"
    shown = (await running.http.get(path, headers=mine)).json()
    assert shown["warnings"] == [{"code": "price_changed", "sku": "MUG", "old": 1000, "new": 1200}]
    assert shown["lines"][0]["unit_price_minor"] == 1000
    assert shown["estimated_subtotal"]["amount_minor"] == 1200

    accepted = (await running.http.post(f"{path}/reprice", json={}, headers=mine)).json()
    assert accepted["warnings"] == []
    assert accepted["lines"][0]["unit_price_minor"] == 1200
    assert running.product.asked == 0


async def test_an_archived_product_is_not_for_sale(running: Running, headers: Headers) -> None:
    mine = headers()
    await running.tell(product_changed(1000), 1)
    cart = await running.open(mine)
    await running.add(cart["cart_id"], mine)
    await running.tell(product_changed(1000, status="archived"), 2)
    shown = (await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)).json()
    assert [warning["code"] for warning in shown["warnings"]] == ["not_for_sale"]
    assert shown["lines"][0]["current_unit_price_minor"] is None
    refused = await running.add(cart["cart_id"], mine)
    assert refused.json()["code"] == "variant_not_for_sale"


async def test_the_largest_stock_and_the_longest_titles_are_taken(
    running: Running, headers: Headers
) -> None:
    mine = headers()
    changed = product_changed(1000)
    (variant,) = changed.variants
    longest = variant.model_copy(update={"title": "v" * 200})
    await running.tell(changed.model_copy(update={"title": "p" * 200, "variants": (longest,)}), 1)
    stock = StockChanged(sku="MUG", available=10**12)
    await running.tell(stock, 1)
    cart = await running.open(mine)
    added = await running.add(cart["cart_id"], mine)
    assert added.status_code == 200
    assert added.json()["lines"][0]["title"] == f"{'p' * 200}, {'v' * 200}"
    assert added.json()["warnings"] == []


async def test_stock_is_warned_of_in_pieces(running: Running, headers: Headers) -> None:
    mine = headers()
    await running.tell(product_changed(1000), 1)
    cart = await running.open(mine)
    await running.add(cart["cart_id"], mine, quantity=5)
    for available, code in ((4, "low_stock"), (0, "out_of_stock")):
        await running.tell(StockChanged(sku="MUG", available=available), 10 - available)
        shown = (await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)).json()
        assert shown["warnings"] == [{"code": code, "sku": "MUG", "old": 5, "new": available}]


async def test_events_in_any_order_and_number_leave_the_newest_state(
    running: Running, headers: Headers
) -> None:
    events = [(product_changed(1000 + version), version) for version in range(1, 20)] * 3
    stock = [(StockChanged(sku="MUG", available=version), version) for version in range(1, 20)] * 3
    shuffled = [*events, *stock]
    random.Random(7).shuffle(shuffled)  # noqa: S311 - a reproducible order
    for event, version in shuffled:
        await running.tell(event, version)
    mine = headers()
    cart = await running.open(mine)
    shown = (await running.add(cart["cart_id"], mine, quantity=20)).json()
    assert shown["lines"][0]["unit_price_minor"] == 1019
    assert shown["warnings"] == [{"code": "low_stock", "sku": "MUG", "old": 20, "new": 19}]


async def test_an_event_replaces_what_product_answered_before(
    running: Running, headers: Headers
) -> None:
    mine = headers()
    cart = await running.open(mine)
    await running.add(cart["cart_id"], mine)
    await running.tell(product_changed(1300), 1)
    shown = (await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)).json()
    assert shown["lines"][0]["current_unit_price_minor"] == 1300


async def test_an_order_empties_the_version_it_was_placed_with(
    running: Running, headers: Headers
) -> None:
    mine = headers()
    cart = await running.open(mine)
    version = (await running.add(cart["cart_id"], mine, quantity=2)).json()["version"]
    await running.tell(placed(cart["cart_id"], version, 2), 1)
    shown = (await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)).json()
    assert shown["lines"] == []
    assert shown["version"] == version + 1


async def test_pieces_added_after_the_order_stay(running: Running, headers: Headers) -> None:
    mine = headers()
    cart = await running.open(mine)
    version = (await running.add(cart["cart_id"], mine, quantity=2)).json()["version"]
    await running.add(cart["cart_id"], mine, quantity=1)
    await running.add(cart["cart_id"], mine, sku="CUP")
    await running.tell(placed(cart["cart_id"], version, 2), 1)
    shown = (await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)).json()
    assert {line["sku"]: line["quantity"] for line in shown["lines"]} == {"MUG": 1, "CUP": 1}


async def test_a_second_order_of_one_version_takes_out_nothing_more(
    running: Running, headers: Headers
) -> None:
    mine = headers()
    cart = await running.open(mine)
    version = (await running.add(cart["cart_id"], mine, quantity=2)).json()["version"]
    await running.tell(placed(cart["cart_id"], version, 2), 1)
    await running.add(cart["cart_id"], mine, quantity=3)
    await running.tell(placed(cart["cart_id"], version, 2), 1)
    shown = (await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)).json()
    assert shown["lines"][0]["quantity"] == 3


async def test_an_order_of_a_cart_nobody_knows_is_ignored(running: Running) -> None:
    await running.tell(placed("crt_" + "9" * 32, 1, 1), 1)

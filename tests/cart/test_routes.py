import asyncio

import pytest
from sqlalchemy import text

from libs.testing.tokens import TokenFactory
from tests.cart.conftest import OTHER, Headers, Running


async def test_a_guest_gets_a_cart_and_the_token_to_it_once(running: Running) -> None:
    cart = await running.open()
    mine = {"Cart-Token": cart["guest_token"]}
    again = await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)
    assert again.status_code == 200
    assert "guest_token" not in again.json()


async def test_a_cart_does_not_exist_for_anybody_else(running: Running, headers: Headers) -> None:
    cart = await running.open()
    path = f"/v1/carts/{cart['cart_id']}"
    strangers = [{"Cart-Token": "x" * 43}, headers(), headers(OTHER)]
    answers = [await running.http.get(path, headers=stranger) for stranger in strangers]
    assert {answer.status_code for answer in answers} == {404}
    nobody = await running.http.get(path)
    assert nobody.status_code == 401
    assert nobody.json()["code"] == "cart_access_required"


async def test_a_user_has_one_active_cart_even_when_opening_ten_at_once(
    running: Running, headers: Headers
) -> None:
    mine = headers()
    answers = await asyncio.gather(
        *(running.http.post("/v1/carts", json={}, headers=mine) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len({answer.json()["cart_id"] for answer in answers}) == 1


async def test_a_sku_no_event_has_told_of_is_asked_for_once(
    running: Running, headers: Headers
) -> None:
    mine = headers()
    cart = await running.open(mine)
    first = await running.add(cart["cart_id"], mine, quantity=2)
    assert first.status_code == 200, first.text
    assert first.json()["estimated_subtotal"] == {"amount_minor": 2000, "currency": "USD"}
    await running.add(cart["cart_id"], mine)
    assert running.product.asked == 1


async def test_an_unknown_sku_is_refused(running: Running, headers: Headers) -> None:
    mine = headers()
    cart = await running.open(mine)
    answer = await running.add(cart["cart_id"], mine, sku="NOTHING")
    assert answer.status_code == 404
    assert answer.json()["code"] == "cart_variant_not_found"


@pytest.mark.parametrize("quantity", [0, -1, 100, 10**12, 1.5, "2", True, None])
async def test_a_senseless_quantity_is_refused(
    running: Running, headers: Headers, quantity: object
) -> None:
    mine = headers()
    cart = await running.open(mine)
    answer = await running.http.post(
        f"/v1/carts/{cart['cart_id']}/items",
        json={"sku": "MUG", "quantity": quantity},
        headers=mine,
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_twenty_concurrent_additions_all_count(running: Running, headers: Headers) -> None:
    mine = headers()
    cart = await running.open(mine)
    await running.add(cart["cart_id"], mine)
    answers = await asyncio.gather(*(running.add(cart["cart_id"], mine) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    shown = await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)
    assert shown.json()["lines"][0]["quantity"] == 21
    assert shown.json()["version"] == cart["version"] + 21


async def test_a_line_can_be_changed_and_removed(running: Running, headers: Headers) -> None:
    mine = headers()
    cart = await running.open(mine)
    await running.add(cart["cart_id"], mine)
    path = f"/v1/carts/{cart['cart_id']}/items/MUG"
    changed = await running.http.patch(path, json={"quantity": 7}, headers=mine)
    assert changed.json()["lines"][0]["quantity"] == 7
    removed = await running.http.delete(path, headers=mine)
    assert removed.json()["lines"] == []
    gone = await running.http.delete(path, headers=mine)
    assert gone.status_code == 404


async def test_a_change_of_a_stale_cart_is_refused(running: Running, headers: Headers) -> None:
    mine = headers()
    cart = await running.open(mine)
    stale = {**mine, "If-Match": f'"v{cart["version"]}"'}
    assert (await running.add(cart["cart_id"], stale)).status_code == 200
    refused = await running.add(cart["cart_id"], stale)
    assert refused.status_code == 412


async def test_a_guests_cart_follows_its_owner_and_its_token_ends(
    running: Running, headers: Headers
) -> None:
    guest = await running.open()
    as_guest = {"Cart-Token": guest["guest_token"]}
    await running.add(guest["cart_id"], as_guest, quantity=3)
    own = await running.open(headers())
    await running.add(own["cart_id"], headers(), quantity=2)
    await running.add(own["cart_id"], headers(), sku="CUP")

    body = {"guest_token": guest["guest_token"]}
    merged = await running.http.post("/v1/carts/merge", json=body, headers=headers())
    assert merged.status_code == 200, merged.text
    assert {line["sku"]: line["quantity"] for line in merged.json()["lines"]} == {
        "MUG": 5,
        "CUP": 1,
    }

    again = await running.http.post("/v1/carts/merge", json=body, headers=headers())
    assert again.json()["lines"] == merged.json()["lines"]
    assert (await running.add(guest["cart_id"], as_guest)).json()["code"] == "cart_closed"
    thief = await running.http.post("/v1/carts/merge", json=body, headers=headers(OTHER))
    assert thief.status_code == 404


async def test_ten_merges_at_once_take_the_guests_pieces_once(
    running: Running, headers: Headers
) -> None:
    guest = await running.open()
    await running.add(guest["cart_id"], {"Cart-Token": guest["guest_token"]}, quantity=3)
    mine = headers()
    body = {"guest_token": guest["guest_token"]}
    answers = await asyncio.gather(
        *(running.http.post("/v1/carts/merge", json=body, headers=mine) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {200}
    current = await running.http.get("/v1/carts/current", headers=mine)
    assert current.json()["lines"][0]["quantity"] == 3


async def test_a_users_cart_belongs_to_their_home_region(
    running: Running, token_factory: TokenFactory
) -> None:
    token = token_factory(home_region="eu-west-1")
    cart = await running.open({"Authorization": f"Bearer {token}"})
    async with running.resources.database.transaction() as session:
        region = await session.scalar(
            text("SELECT home_region FROM carts WHERE id = :id"), {"id": cart["cart_id"]}
        )
    assert region == "eu-west-1"


async def test_there_is_no_current_cart_before_the_first(
    running: Running, headers: Headers
) -> None:
    answer = await running.http.get("/v1/carts/current", headers=headers())
    assert answer.status_code == 404
    assert answer.json()["code"] == "cart_not_found"


async def test_a_merge_needs_a_known_guest_token(running: Running, headers: Headers) -> None:
    answer = await running.http.post(
        "/v1/carts/merge", json={"guest_token": "x" * 43}, headers=headers()
    )
    assert answer.status_code == 404


async def test_the_same_key_adds_pieces_once(running: Running, headers: Headers) -> None:
    mine = headers()
    cart = await running.open(mine)
    keyed = {**mine, "Idempotency-Key": "once"}
    first = await running.add(cart["cart_id"], keyed)
    again = await running.add(cart["cart_id"], keyed)
    assert first.content == again.content
    shown = await running.http.get(f"/v1/carts/{cart['cart_id']}", headers=mine)
    assert shown.json()["lines"][0]["quantity"] == 1

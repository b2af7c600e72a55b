"""The story of a purchase: a guest looks around, becomes a customer, orders, pays and gets a parcel."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from local.administrator import NO_FACTOR, Administrator
from local.demo.shop import Answer, DemoFailed, Shop

CUSTOMER_PASSWORD_BYTES = 18
ADDRESS = {
    "recipient": "Ada Example",
    "line1": "12 Analytical Way",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}
SETTLE_SECONDS = 15.0
CODES_REFUSED = "the administrator's codes are not taken: see that this machine's clock is right"
NOTHING_TO_BUY = "nothing in the catalogue can be bought: wait until the shop says that it is ready, or load one with `make seed`"


@dataclass
class Story:
    """What the steps hand to one another."""

    shop: Shop
    administrator: Administrator
    admin_token: str = ""
    customer_token: str = ""
    address_id: str = ""
    product_id: str = ""
    sku: str = ""
    second_sku: str = ""
    order_id: str = ""


async def browse_as_guest(story: Story) -> None:
    """Look at the categories, search, open a product, fill a guest's cart."""
    shop = story.shop
    shop.chapter("A guest looks around and fills a cart")
    categories = await shop.step("the categories", "GET", "/v1/categories")
    listing = await shop.step(
        "what is in stock, cheapest first", "GET", "/v1/products",
        params={"available": "true", "sort": "price", "currency": "USD", "limit": 50},
    )  # fmt: skip
    if not listing["items"]:
        raise DemoFailed(NOTHING_TO_BUY)
    word = listing["items"][0]["title"].split()[-1]
    await shop.step(f"a search for {word!r}", "GET", "/v1/products", params={"q": word})
    shop.tell(
        f"{len(categories['items'])} main categories, {len(listing['items'])} products on a page"
    )
    story.product_id, story.sku = await _buyable(shop, listing["items"], skip=set())
    _, story.second_sku = await _buyable(shop, listing["items"], skip={story.product_id})
    opened = await shop.step(
        "a cart of their own", "POST", "/v1/carts",
        json={"currency": "USD"}, expect=HTTPStatus.CREATED,
    )  # fmt: skip
    shop.guest_token = opened["guest_token"]
    await _put(shop, opened["cart_id"], story.sku, 2)
    await _put(shop, opened["cart_id"], story.second_sku, 1)


async def become_customer(story: Story) -> None:
    """Register, log in, take the guest's cart over, add an address."""
    shop = story.shop
    shop.chapter("The guest registers, logs in and keeps the cart")
    email = f"ada.{secrets.token_hex(6)}@example.com"
    password = secrets.token_urlsafe(CUSTOMER_PASSWORD_BYTES)
    await shop.step(
        "register", "POST", "/v1/auth/register",
        json={"email": email, "password": password, "display_name": "Ada"},
        expect=HTTPStatus.CREATED, events={"identity.registered.v1", "user.profile_created.v1"},
    )  # fmt: skip
    story.customer_token = await log_in(shop, email, password)
    guest_token, shop.guest_token = shop.guest_token, None
    shop.token = story.customer_token
    merged = await shop.step(
        "the cart follows its owner", "POST", "/v1/carts/merge",
        json={"guest_token": guest_token}, events={"cart.merged.v1"},
    )  # fmt: skip
    shop.check("lines in the customer's cart", actual=len(merged["lines"]), expected=2)
    address = await shop.step(
        "an address", "POST", "/v1/me/addresses", json=ADDRESS, expect=HTTPStatus.CREATED
    )
    story.address_id = address["address_id"]


async def notice_price_change(story: Story) -> None:
    """The administrator changes a price; the cart warns; the customer accepts."""
    shop = story.shop
    shop.chapter("A price changes while the cart waits")
    story.admin_token = await log_in_with_code(shop, story.administrator)
    await raise_price(story, by=100)
    cart_id = (await shop.step("the customer's cart", "GET", "/v1/carts/current"))["cart_id"]

    async def warned() -> bool:
        cart = await shop.http.get(f"/v1/carts/{cart_id}", headers=_bearer(story.customer_token))
        codes = {warning["code"] for warning in cart.json()["warnings"]}
        return "price_changed" in codes

    await eventually("the cart warns of the new price", warned)
    cart = await shop.step("the cart warns", "GET", f"/v1/carts/{cart_id}")
    changed = next(w for w in cart["warnings"] if w["code"] == "price_changed")
    shop.check(f"{changed['sku']} went up by", actual=changed["new"] - changed["old"], expected=100)
    accepted = await shop.step(
        "accept today's prices", "POST", f"/v1/carts/{cart_id}/reprice", json={}
    )
    codes = [warning["code"] for warning in accepted["warnings"]]
    shop.check("price warnings left", actual=codes.count("price_changed"), expected=0)


async def buy(story: Story) -> None:
    """Quote, order, pay; confirmed only after the stock is sold; then the parcel."""
    shop = story.shop
    shop.chapter("The order")
    answer = await order_cart(story, "tok_ok", expect=HTTPStatus.CREATED, events={
        "order.placed.v1", "payment.authorize.v1", "payment.authorized.v1", "stock.commit.v1",
        "stock.committed.v1", "order.confirmed.v1", "payment.capture.v1", "payment.captured.v1",
    })  # fmt: skip
    story.order_id = answer["order_id"]
    shop.check("the order is", actual=answer["status"], expected="confirmed")
    await settled(story, story.order_id, "payment_status", "captured")
    await ship(story, story.order_id)
    timeline = await shop.step("its timeline", "GET", f"/v1/orders/{story.order_id}/timeline")
    steps = [f"{entry['axis']}:{entry['to_status']}" for entry in timeline["items"]]
    shop.tell(" > ".join(steps))


async def ship(story: Story, order_id: str) -> None:
    """The administrator sends the parcel off."""
    path = f"/v1/orders/{order_id}"
    current = await story.shop.step(
        "the administrator opens the order", "GET", path, token=story.admin_token
    )
    await story.shop.step(
        "and ships it", "POST", f"{path}/shipments",
        json={"carrier": "Example Post", "tracking_number": "EX123456789"},
        headers={"If-Match": current.headers["etag"]}, token=story.admin_token,
        expect=HTTPStatus.CREATED, events={"order.shipped.v1"},
    )  # fmt: skip


async def raise_price(story: Story, by: int) -> None:
    """Change the first product's price by so many minor units, as the administrator."""
    shop, path = story.shop, f"/v1/products/{story.product_id}"
    product = await shop.step("the product as it is", "GET", path, token=story.admin_token)
    variant = next(v for v in product["variants"] if v["sku"] == story.sku)
    price = next(p for p in variant["prices"] if p["currency"] == "USD")
    await shop.step(
        f"the administrator changes its price by {by / 100:+.2f}", "PUT",
        f"{path}/variants/{story.sku}/prices/USD",
        json={"amount_minor": price["amount_minor"] + by},
        headers={"If-Match": product.headers["etag"]}, token=story.admin_token,
        events={"product.changed.v1"},
    )  # fmt: skip


async def order_cart(story: Story, method: str, *, expect: int, events: set[str]) -> Answer:
    """Quote the customer's cart and order it for exactly that total, waiting for the outcome."""
    shop = story.shop
    cart = await shop.step("the cart as it is", "GET", "/v1/carts/current")
    quote = await shop.step(
        "a binding quote", "POST", "/v1/quotes",
        json={"cart_id": cart["cart_id"], "address_id": story.address_id},
    )  # fmt: skip
    return await shop.step(
        f"order it, paying with {method}", "POST", "/v1/orders",
        json={
            "cart_id": cart["cart_id"], "cart_version": quote["cart_version"],
            "expected_total": quote["total"], "payment_method": method,
            "address_id": story.address_id,
        },
        headers={"Prefer": "wait=15"}, expect=expect, events=events,
    )  # fmt: skip


async def log_in(shop: Shop, email: str, password: str) -> str:
    """Return a fresh access token."""
    answer = await shop.step(
        f"log in {email.partition('@')[0]}", "POST", "/v1/auth/login",
        json={"email": email, "password": password},
    )  # fmt: skip
    return str(answer["access_token"])


async def log_in_with_code(shop: Shop, administrator: Administrator) -> str:
    """Return a fresh access token of staff, who show a code after the password."""
    asked = await shop.step(
        "the administrator's password is not enough", "POST", "/v1/auth/login",
        json={"email": administrator.email, "password": administrator.password},
        expect={HTTPStatus.OK, HTTPStatus.UNAUTHORIZED},
    )  # fmt: skip
    if "mfa_token" not in asked.body:
        raise DemoFailed(NO_FACTOR)
    async for code in administrator.codes():
        answer = await shop.step(
            "a code of their app is asked for as well", "POST", "/v1/auth/login/mfa",
            json={"mfa_token": asked["mfa_token"], "totp": code},
            expect={HTTPStatus.OK, HTTPStatus.UNAUTHORIZED},
        )  # fmt: skip
        if answer.status == HTTPStatus.OK:
            return str(answer["access_token"])
        shop.tell("somebody has used this code: waiting for the next one")
    raise DemoFailed(CODES_REFUSED)


async def settled(story: Story, order_id: str, axis: str, state: str) -> dict[str, Any]:
    """Wait until an order's axis reaches a state, and return the order."""
    found: dict[str, Any] = {}

    async def reached() -> bool:
        response = await story.shop.http.get(
            f"/v1/orders/{order_id}", headers=_bearer(story.customer_token)
        )
        found.update(response.json())
        return bool(found.get(axis) == state)

    await eventually(f"the order's {axis} becomes {state}", reached)
    story.shop.check(f"the order's {axis}", actual=found[axis], expected=state)
    return found


async def eventually(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that other services bring about.

    Raises:
        DemoFailed: it did not happen in time.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while not await holds():
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what}: did not happen within {SETTLE_SECONDS:.0f} s")
        await asyncio.sleep(0.1)


async def put_in_cart(story: Story, sku: str, quantity: int) -> None:
    """Put pieces into the customer's cart, opening one if there is none."""
    shop = story.shop
    opened = await shop.step(
        "the customer's cart", "POST", "/v1/carts", json={"currency": "USD"},
        expect=(HTTPStatus.OK, HTTPStatus.CREATED),
    )  # fmt: skip
    await _put(shop, opened["cart_id"], sku, quantity)


async def _put(shop: Shop, cart_id: str, sku: str, quantity: int) -> None:
    await shop.step(
        f"{quantity} x {sku}", "POST", f"/v1/carts/{cart_id}/items",
        json={"sku": sku, "quantity": quantity},
    )  # fmt: skip


async def _buyable(shop: Shop, items: list[dict[str, Any]], *, skip: set[str]) -> tuple[str, str]:
    """Find a product with a variant of which a few pieces can be bought."""
    for item in items:
        if item["product_id"] in skip:
            continue
        product = await shop.http.get(f"/v1/products/{item['product_id']}")
        for variant in product.json()["variants"]:
            offers = await shop.http.get(
                "/v1/variants", params={"sku": variant["sku"], "currency": "USD"}
            )
            offer = offers.json()["items"][0]
            if offer["unit_price_minor"] and 5 <= offer["available"] <= 90:  # noqa: PLR2004 - room for the story
                return str(item["product_id"]), str(variant["sku"])
    raise DemoFailed(
        "nothing in the catalogue has a few pieces in stock: run `make reset`, then `make up`"
    )


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}

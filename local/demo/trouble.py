"""What happens when something goes wrong: a declined card, too little stock, an impatient client, a refund."""

import secrets
from http import HTTPStatus
from typing import Any

from local.demo.journey import Story, eventually, order_cart, put_in_cart, settled
from local.demo.shop import DemoFailed


async def decline(story: Story) -> None:
    """The card is declined: the order fails, and the stock comes back."""
    shop = story.shop
    shop.chapter("A declined card")
    before = await _available(story)
    await put_in_cart(story, story.sku, 1)
    await order_cart(
        story, "tok_decline", expect=HTTPStatus.PAYMENT_REQUIRED,
        events={"payment.declined.v1", "order.failed.v1", "stock.release.v1", "stock.released.v1"},
    )  # fmt: skip

    async def came_back() -> bool:
        return await _available(story) == before

    await eventually("the stock comes back", came_back)
    shop.check(
        f"pieces of {story.sku} that can be bought, as before",
        actual=await _available(story),
        expected=before,
    )


async def sold_out(story: Story) -> None:
    """More than there is: refused, and nothing is held."""
    shop = story.shop
    shop.chapter("More than there is")
    before = await _available(story)
    await put_in_cart(story, story.sku, before + 1)
    refused = await order_cart(story, "tok_ok", expect=HTTPStatus.CONFLICT, events=set())
    shop.check("the refusal says", actual=refused["code"], expected="out_of_stock")
    shop.check("nothing is held", actual=await _available(story), expected=before)
    cart = await shop.step("the cart", "GET", "/v1/carts/current")
    for line in cart["lines"]:
        await shop.step("empty it", "DELETE", f"/v1/carts/{cart['cart_id']}/items/{line['sku']}")


async def impatience(story: Story) -> str:
    """The same Idempotency-Key twice: one order."""
    shop = story.shop
    shop.chapter("An impatient client sends the same order twice")
    await put_in_cart(story, story.second_sku, 1)
    cart = await shop.step("the cart as it is", "GET", "/v1/carts/current")
    quote = await shop.step(
        "a binding quote", "POST", "/v1/quotes",
        json={"cart_id": cart["cart_id"], "address_id": story.address_id},
    )  # fmt: skip
    body = {
        "cart_id": cart["cart_id"], "cart_version": quote["cart_version"],
        "expected_total": quote["total"], "payment_method": "tok_ok",
        "address_id": story.address_id,
    }  # fmt: skip
    key = f"demo-{secrets.token_hex(12)}"
    first, second = [
        await shop.step(
            text, "POST", "/v1/orders", json=body, key=key,
            headers={"Prefer": "wait=15"}, expect=HTTPStatus.CREATED,
        )
        for text in ("order it", "order it again with the same key")
    ]  # fmt: skip
    shop.check("both answers name", actual=second["order_id"], expected=first["order_id"])
    replayed = second.headers.get("idempotency-replayed")
    shop.check("Idempotency-Replayed", actual=replayed, expected="true")
    return str(first["order_id"])


async def refund(story: Story, order_id: str) -> None:
    """The administrator gives the money back."""
    shop = story.shop
    shop.chapter("A refund")
    order = await settled(story, order_id, "payment_status", "captured")
    await shop.step(
        "the administrator refunds it all", "POST", f"/v1/orders/{order_id}/refunds",
        json={"reason": "goodwill"}, token=story.admin_token,
        expect=(HTTPStatus.CREATED, HTTPStatus.ACCEPTED),
        events={"payment.refund.v1", "payment.refunded.v1"},
    )  # fmt: skip
    refunded = await settled(story, order_id, "payment_status", "refunded")
    shop.check("refunded", actual=_spoken(refunded["refunded"]), expected=_spoken(order["total"]))


async def ledger(story: Story) -> None:
    """Every currency of the ledger sums to zero."""
    shop = story.shop
    shop.chapter("The books")
    books = await shop.step("the ledger", "GET", "/v1/ledger/balances", token=story.admin_token)
    sums: dict[str, int] = {}
    for balance in books["items"]:
        sums[balance["currency"]] = sums.get(balance["currency"], 0) + balance["balance_minor"]
        shop.tell(f"{balance['account']:<24} {balance['balance_minor']:>12} {balance['currency']}")
    if not sums:
        raise DemoFailed("the ledger is empty, although something was sold")
    for currency, total in sorted(sums.items()):
        shop.check(f"debits and credits in {currency} differ by", actual=total, expected=0)


async def _available(story: Story) -> int:
    answer = await story.shop.http.get("/v1/variants", params={"sku": story.sku, "currency": "USD"})
    return int(answer.json()["items"][0]["available"])


def _spoken(money: dict[str, Any]) -> str:
    return f"{money['amount_minor'] / 100:.2f} {money['currency']}"

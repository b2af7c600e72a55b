"""Customers: they register, fill a cart, have it quoted, order it in some odd way, and follow or undo the order."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx

from torture.client import Answer, Caller, new_key
from torture.plan import Bank, Checkout, Ending, Sending
from torture.staff import Staff

ADDRESS: Final = {
    "recipient": "Ada Example",
    "line1": "12 Analytical Way",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}

FOLLOW_SECONDS: Final = 25.0
_TRIES: Final = 4
_MOST_PIECES: Final = 99
_LOOK_AGAIN: Final = frozenset({"cart_changed", "cart_empty", "total_changed"})
_SETTLED: Final = frozenset({"captured", "declined", "voided", "refunded", "partially_refunded"})


@dataclass(frozen=True)
class Shopper:
    """Carries out checkouts of one account, one after the other."""

    caller: Caller
    staff: Staff

    async def run(self, checkout: Checkout) -> str:
        """Carry out a checkout; returns a word for what became of it."""
        async with self.caller.lock:
            if not await self._is_registered():
                return "no account"
            for _ in range(_TRIES):
                body = await self._prepared(checkout)
                if body is None:
                    continue
                placed = await self._place(checkout, body)
                if placed.code not in _LOOK_AGAIN:
                    break
            else:
                return "no cart"
        order_id = str(placed.body.get("order_id", ""))
        if placed.outcome != "ok" or not order_id:
            return placed.code or "unanswered"
        await self._finish(checkout, order_id)
        return "placed"

    async def buy_out(self, sku: str) -> None:
        """Buy all that is left of a SKU at once, look again, and at the end ask for a piece that is not there."""
        if not await self._is_registered():
            return
        for number in range(_TRIES):
            found = await self.caller.call("look", "GET", f"/v1/variants/{sku}/availability")
            left = int(found.body.get("available", 0))
            lines = ((sku, min(_MOST_PIECES, max(1, left))),)
            last = Checkout(number, 0, lines, "tok_ok", Sending.ONCE, Ending.KEPT, Bank.CONFIRM, 10)
            body = await self._prepared(last)
            if body is None:
                continue
            named = {"sell_out": sku, "quantity": lines[0][1], "available": left}
            placed = await self._send(last, body, new_key(), "", named)
            if placed.code == "out_of_stock":
                return

    async def _is_registered(self) -> bool:
        caller = self.caller
        if not caller.user_id:
            person = {
                "email": caller.email,
                "password": caller.password,
                "display_name": caller.process,
            }
            made = await caller.call("register", "POST", "/v1/auth/register", person)
            caller.user_id = str(made.body.get("user_id", ""))
            # An answer that was lost leaves an account behind: the name is taken, by this customer.
            if not caller.user_id and made.status != HTTPStatus.CONFLICT:
                return False
        if not caller.token:
            await caller.log_in()
        if not caller.address_id:
            made = await caller.call("address", "POST", "/v1/me/addresses", ADDRESS, key=new_key())
            caller.address_id = str(made.body.get("address_id", ""))
        return bool(caller.address_id)

    async def _prepared(self, checkout: Checkout) -> dict[str, Any] | None:
        """Fill the cart and have it priced; pieces left from before are taken out."""
        caller = self.caller
        opened = await caller.call("cart", "POST", "/v1/carts", {"currency": "USD"}, key=new_key())
        cart_id = str(opened.body.get("cart_id", ""))
        if not opened.ok:
            return None
        items = f"/v1/carts/{cart_id}/items"
        for line in opened.body["lines"]:
            await caller.call("remove", "DELETE", f"{items}/{line['sku']}", key=new_key())
        for sku, quantity in checkout.lines:
            item = {"sku": sku, "quantity": quantity}
            await caller.call("item", "POST", items, item, key=new_key())
        wanted = {"cart_id": cart_id, "address_id": caller.address_id}
        quote = await caller.call("quote", "POST", "/v1/quotes", wanted, key=new_key())
        if not quote.ok:
            return None
        return {
            **wanted,
            "cart_version": quote.body["cart_version"],
            "expected_total": quote.body["total"],
            "payment_method": checkout.method,
        }

    async def _place(self, checkout: Checkout, body: Mapping[str, Any]) -> Answer:
        key = new_key()
        first = self._send(checkout, body, key, "")
        if checkout.sending is Sending.ONCE:
            return await first
        other = key if checkout.sending is Sending.TWICE else new_key()
        answers = await asyncio.gather(first, self._send(checkout, body, other, ".again"))
        return next((answer for answer in answers if answer.outcome == "ok"), answers[0])

    async def _send(
        self,
        checkout: Checkout,
        body: Mapping[str, Any],
        key: str,
        alias: str,
        more: Mapping[str, Any] | None = None,
    ) -> Answer:
        named = {name: body[name] for name in ("cart_id", "cart_version", "payment_method")}
        value = {**named, **(more or {})}
        return await self.caller.call(
            "place",
            "POST",
            "/v1/orders",
            body,
            key=key,
            wait=checkout.wait,
            alias=alias,
            value=value,
        )

    async def _finish(self, checkout: Checkout, order_id: str) -> None:
        if checkout.ending is Ending.CANCELLED_AT_ONCE:
            await self._cancel(order_id)
        payment = await self._follow(order_id, checkout.bank)
        if checkout.ending is Ending.CANCELLED_LATER:
            await self._cancel(order_id)
        elif checkout.ending is Ending.PIECE_CANCELLED:
            await self._cancel(order_id, [{"sku": checkout.lines[0][0], "quantity": 1}])
        elif payment == "captured":
            await self.staff.finish(checkout, order_id)
        await self._read(order_id)

    async def _cancel(self, order_id: str, lines: list[dict[str, Any]] | None = None) -> None:
        await self.caller.call(
            "cancel",
            "POST",
            f"/v1/orders/{order_id}/cancel",
            {"reason": "changed_mind", **({"lines": lines} if lines else {})},
            key=new_key(),
            value={"order_id": order_id},
        )

    async def _follow(self, order_id: str, bank: Bank) -> str:
        """Look at the order until its payment is over, for a bounded time; return how it stands."""
        deadline = time.monotonic() + FOLLOW_SECONDS
        pause = 0.5
        while True:
            order = (await self._read(order_id)).body
            payment = str(order.get("payment_status", ""))
            if payment in _SETTLED or time.monotonic() > deadline:
                return payment
            if order.get("next_action") and bank is not Bank.NEVER:
                await self._decide(order["next_action"]["url"], bank)
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, 3.0)

    async def _decide(self, url: str, bank: Bank) -> None:
        """Answer on the bank's page; whether that was heard shows in the order."""
        with contextlib.suppress(httpx.HTTPError):
            await self.caller.http.post(url, data={"decision": str(bank)}, timeout=5)

    async def _read(self, order_id: str) -> Answer:
        path = f"/v1/orders/{order_id}"
        return await self.caller.call("read", "GET", path, value={"order_id": order_id})

"""Staff: they stock the shelves, ship, refund, and sometimes get in each other's way."""

import asyncio
from dataclasses import dataclass
from typing import Final

from torture.client import Answer, Caller, new_key
from torture.plan import Checkout, Ending, Restock, Sku

PRICE_MINOR: Final = 1500
_PART_MINOR: Final = 100


class ShopNotReady(Exception):
    """The shop refused a step of the preparation; nothing was tortured yet."""


@dataclass(frozen=True)
class Staff:
    """The administrator's account; requests of several checkouts run side by side under names of their own."""

    caller: Caller

    async def open_shop(self, skus: tuple[Sku, ...]) -> None:
        """Create the products of the run and book in their pieces.

        Raises:
            ShopNotReady: something was refused.
        """
        await self.caller.log_in()
        for sku in skus:
            body = {
                "slug": sku.sku.lower(),
                "title": sku.sku.title(),
                "description": "Made to be fought over.",
                "variants": [{"sku": sku.sku, "title": "One size", "prices": {"USD": PRICE_MINOR}}],
            }
            made = await self.caller.call("product", "POST", "/v1/products", body, key=new_key())
            booked = await self.restock(Restock(0, sku.sku, sku.pieces, 1))
            done = [made, booked, *([await self._spread(sku)] if sku.buckets else [])]
            if not all(answer.ok for answer in done):
                raise ShopNotReady(f"{sku.sku}: {[answer.body for answer in done]}")

    async def _spread(self, sku: Sku) -> Answer:
        path = f"/v1/stock-levels/{sku.sku}/buckets"
        return await self.caller.call(
            "spread", "PUT", path, {"buckets": sku.buckets}, key=new_key()
        )

    async def restock(self, restock: Restock) -> Answer:
        """Book pieces in under one key, as often as the plan says at the same time."""
        key = new_key()
        body = {"quantity": restock.quantity, "reason": "received"}
        value = {"sku": restock.sku, "quantity": restock.quantity}
        answers = await asyncio.gather(
            *(
                self.caller.call(
                    "restock",
                    "POST",
                    f"/v1/stock-levels/{restock.sku}/adjustments",
                    body,
                    key=key,
                    value=value,
                    alias=f".restock{restock.after}.{number}",
                )
                for number in range(restock.times)
            )
        )
        return answers[0]

    async def finish(self, checkout: Checkout, order_id: str) -> None:
        """Do to a paid order what the plan says."""
        alias = f".order{checkout.number}"
        match checkout.ending:
            case Ending.SHIPPED:
                await self._ship(order_id, alias)
            case Ending.SHIPPED_IN_PARTS:
                await self._ship(order_id, alias, checkout.lines[0][0])
                await self._ship(order_id, alias)
            case Ending.RETURNED:
                await self._ship(order_id, alias)
                await self._take_back(order_id, alias, checkout.lines[0][0])
            case Ending.REFUNDED:
                await self._refund(order_id, alias, await self._tag(order_id, alias), None)
            case Ending.PARTLY_REFUNDED:
                await self._ship(order_id, alias)
                for part in (1, 2):
                    await self._refund(order_id, alias, None, part * _PART_MINOR)
            case Ending.REFUND_RACE:
                tag = await self._tag(order_id, alias)
                await asyncio.gather(
                    self._refund(order_id, f"{alias}a", tag, _PART_MINOR),
                    self._refund(order_id, f"{alias}b", tag, 2 * _PART_MINOR),
                )
            case _:
                return

    async def _tag(self, order_id: str, alias: str) -> str:
        answer = await self.caller.call(
            "read", "GET", f"/v1/orders/{order_id}", value={"order_id": order_id}, alias=alias
        )
        return answer.headers.get("etag", '"0"')

    async def _ship(self, order_id: str, alias: str, sku: str | None = None) -> Answer:
        """Send one piece of a SKU, or all that is left."""
        part = {"lines": [{"sku": sku, "quantity": 1}]} if sku else {}
        parcel = {"carrier": "Parcels & Sons", "tracking_number": new_key(), **part}
        return await self.caller.call(
            "ship",
            "POST",
            f"/v1/orders/{order_id}/shipments",
            parcel,
            key=new_key(),
            tag=await self._tag(order_id, alias),
            value={"order_id": order_id},
            alias=alias,
        )

    async def _take_back(self, order_id: str, alias: str, sku: str) -> Answer:
        goods = {"lines": [{"sku": sku, "quantity": 1}], "restock": True, "reason": "wrong_item"}
        return await self.caller.call(
            "return",
            "POST",
            f"/v1/orders/{order_id}/returns",
            goods,
            key=new_key(),
            value={"order_id": order_id},
            alias=alias,
        )

    async def _refund(
        self, order_id: str, alias: str, tag: str | None, amount_minor: int | None
    ) -> Answer:
        part = {"amount_minor": amount_minor, "currency": "USD"} if amount_minor else None
        body = {"reason": "goodwill", **({"amount": part} if part else {})}
        return await self.caller.call(
            "refund",
            "POST",
            f"/v1/orders/{order_id}/refunds",
            body,
            key=new_key(),
            tag=tag,
            value={"order_id": order_id},
            alias=alias,
        )

"""Messaging is away for long (M3): orders are accepted as ever, and all of them come to an end soon after."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from libs.testing.fault_proxy.fault import Fault
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from tests.e2e.shopper import SETTLED, Shopper, new_product
from tests.faults.wiring import Wired, wired_stack

OUTAGE_SECONDS: Final = trials(quick=10, full=600)
BETWEEN_ORDERS_SECONDS: Final = 2.0
DRAINED_SECONDS: Final = 300.0
GIVEN_UP_SECONDS: Final = 480.0
"""Holds last ten minutes; an order placed this long before the end of the outage may be given up instead of paid."""


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Wired]:
    wired = wired_stack(tmp_path)
    yield await asyncio.to_thread(wired.__enter__)
    await asyncio.to_thread(wired.__exit__, None, None, None)


async def test_orders_placed_while_messaging_is_away_are_accepted_at_once_and_end_soon_after(
    stack: Wired,
) -> None:
    count = int(OUTAGE_SECONDS / BETWEEN_ORDERS_SECONDS)
    async with httpx.AsyncClient(base_url=stack.gateway, timeout=60) as http:
        admin = await Shopper(http).log_in_as(stack.administrator)
        sku = await new_product(admin, stock=count)
        buyers = [await Buyer.prepared(http, sku) for _ in range(count)]
        for edge in ("sns", "sqs"):
            await asyncio.to_thread(stack.proxy.apply, edge, Fault(refuse=True))
        accepted = await _buy_through_the_outage(buyers)
        await asyncio.to_thread(stack.proxy.heal_all)
        healed = time.monotonic()
        assert set(accepted) == {202}
        await eventually(lambda: _all_settled(buyers), timeout=DRAINED_SECONDS)
        for buyer in buyers:
            status = (await buyer.order())["status"]
            assert status == "confirmed" or healed - buyer.placed_at > GIVEN_UP_SECONDS


async def _buy_through_the_outage(buyers: list["Buyer"]) -> list[int]:
    began, answers = time.monotonic(), []
    for number, buyer in enumerate(buyers):
        due = began + number * BETWEEN_ORDERS_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))  # the schedule itself, not a wait
        answers.append(await buyer.buy())
    return answers


async def _all_settled(buyers: list["Buyer"]) -> bool:
    states = [(await buyer.order())["status"] for buyer in buyers]
    assert set(states) <= SETTLED, states
    return True


class Buyer:
    """A shopper with a quoted cart, who logs in again for each step: the outage outlives a token."""

    def __init__(self, shopper: Shopper, login: tuple[str, str]) -> None:
        self._shopper = shopper
        self._login = login
        self._body: dict[str, object] = {}
        self._order_id = ""
        self.placed_at = 0.0

    @classmethod
    async def prepared(cls, http: httpx.AsyncClient, sku: str) -> "Buyer":
        shopper = Shopper(http)
        login = await shopper.register_as()
        buyer = cls(shopper, login)
        cart = await shopper.fill_cart(sku)
        buyer._body = await shopper.order_body(cart["cart_id"])
        return buyer

    async def buy(self) -> int:
        """Place the order; the status of the first answer counts, nothing is tried again."""
        await self._shopper.log_in(*self._login)
        self.placed_at = time.monotonic()
        answer = await self._shopper.http.post(
            "/v1/orders",
            json=self._body,
            headers={**self._shopper.headers, "Idempotency-Key": f"outage-{self._login[0]}"},
        )
        self._order_id = answer.json().get("order_id", "")
        return answer.status_code

    async def order(self) -> dict[str, object]:
        await self._shopper.log_in(*self._login)
        return await self._shopper.get(f"/v1/orders/{self._order_id}")

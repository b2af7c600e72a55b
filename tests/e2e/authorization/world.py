"""A shop in which something of everything exists, and belongs to Alice."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Self

import httpx

from tests.architecture.openapi import FOLDER
from tests.e2e.authorization.issuing import claims_of
from tests.e2e.shopper import ADDRESS, Shopper, new_product, settled
from tests.e2e.stack import Stack

BODIES: Final[Mapping[str, object]] = {
    "add_item": {"sku": "{sku}", "quantity": 1},
    "change_item": {"quantity": 1},
    "change_address": {"line2": "Upper floor"},
    "cancel_order": {},
}
"""What to send where a body is looked at before its owner is."""

ENDS_SESSIONS: Final = {"end_session", "logout", "logout_all"}
ENDS_ACCOUNTS: Final = {
    "close_identity",
    "request_erasure",
    "lock_account",
    "end_account_sessions",
}
OF_A_BROWSER: Final = {"get_browser_session", "mint_browser_token"}


@dataclass(frozen=True)
class Operation:
    """Where an operation is."""

    method: str
    path: str


@cache
def documented(service: str) -> Mapping[str, Operation]:
    """Return a service's operations by name, from its published document."""
    paths = json.loads((FOLDER / f"{service}.json").read_text())["paths"]
    return {
        operation["operationId"]: Operation(method.upper(), path)
        for path, item in paths.items()
        for method, operation in item.items()
    }


@dataclass(frozen=True)
class World:
    """Who is there, and what is Alice's."""

    alice: Shopper
    bob: Shopper
    admin: Shopper
    """Staff whom nobody misses afterwards: the table lets them take off their own factors."""
    root: Shopper
    """The stack's own administrator, who stays as they are."""
    names: Mapping[str, str]
    """What stands for each parameter of a path."""
    browser: Mapping[str, str]
    """What a page of ours in Alice's browser sends along; other operations do not look at it."""

    async def made_again(self, operation: str) -> Self:
        """Return a world in which nobody has called this operation yet, if it takes something away."""
        if operation == "delete_address":
            address = await (await self.alice.again()).post("/v1/me/addresses", ADDRESS, 201)
            return replace(self, names={**self.names, "address_id": address["address_id"]})
        if operation == "remove_item":
            item, alice = {"sku": self.names["sku"], "quantity": 1}, await self.alice.again()
            await alice.post(f"/v1/carts/{self.names['cart_id']}/items", item, 200)
        if operation in ENDS_ACCOUNTS:
            alice, admin = await Shopper(self.alice.http).register(), await new_staff(self.root)
            names = {**self.names, "user_id": claims_of(alice.token)["sub"]}
            return replace(self, alice=alice, admin=admin, names=names)
        if operation in ENDS_SESSIONS:
            alice, admin = await self.alice.again(), await self.admin.again()
            bob = await Shopper(self.bob.http).register()
            names = {**self.names, "session_id": claims_of(alice.token)["sid"]}
            return replace(self, alice=alice, bob=bob, admin=admin, names=names)
        if operation in OF_A_BROWSER:
            return replace(self, browser=await _page_of(self.alice))
        return self

    def request_for(self, service: str, operation: str) -> tuple[str, str, object]:
        """Return method, path and body of a call that is about what is Alice's."""
        where = documented(service)[operation]
        body = json.loads(json.dumps(BODIES.get(operation, {})).replace("{sku}", self.names["sku"]))
        return where.method, where.path.format_map(self.names), body


async def new_staff(root: Shopper) -> Shopper:
    """Have an administrator make staff of somebody new."""
    root, chosen = await root.again(), await Shopper(root.http).register()
    path = f"/v1/accounts/{claims_of(chosen.token)['sub']}/roles"
    answer = await root.send("PUT", path, {"roles": ["customer", "admin"]})
    assert answer.status_code == 200, answer.text
    return await chosen.again()


async def made_in(stack: Stack, http: httpx.AsyncClient) -> World:
    """Have Alice and Bob join, and Alice buy something and begin to buy something else."""
    root = await Shopper(http).log_in_as(stack.administrator)
    alice, bob = await asyncio.gather(Shopper(http).register(), Shopper(http).register())
    sku = await new_product(root, stock=10)
    bought = await alice.fill_cart(sku)
    placed = (await alice.place(await alice.order_body(bought["cart_id"]))).json()
    await settled(alice, placed["order_id"])
    payments = await alice.get(f"/v1/payments?order_id={placed['order_id']}")
    cart = await alice.fill_cart(sku)
    elsewhere = await Shopper(http).log_in(alice.login["email"], alice.login["password"])
    product = await root.get(f"/v1/products/{sku.lower()}")
    return World(
        alice,
        bob,
        await new_staff(root),
        root,
        {
            "address_id": (await alice.post("/v1/me/addresses", ADDRESS, 201))["address_id"],
            "cart_id": cart["cart_id"],
            "case_id": "case_of_nobody",
            "client_id": "client-of-nobody",
            "currency": "USD",
            "erasure_id": "ers_of_nobody",
            "export_id": (await alice.post("/v1/me/exports", {}, 201))["export_id"],
            "id_or_slug": sku.lower(),
            "order_id": placed["order_id"],
            "passkey_id": "passkey_of_nobody",
            "payment_id": payments["items"][0]["payment_id"],
            "product_id": product["product_id"],
            "session_id": claims_of(elsewhere.token)["sid"],
            "sku": sku,
            "user_id": claims_of(alice.token)["sub"],
        },
        await _page_of(alice),
    )


async def _page_of(shopper: Shopper) -> Mapping[str, str]:
    here = {"Sec-Fetch-Site": "same-origin"}
    answer = await shopper.http.post(
        "/v1/auth/browser-session", json=dict(shopper.login), headers=here
    )
    answer.raise_for_status()
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    shopper.http.cookies.clear()
    return {**here, "Cookie": cookie, "X-CSRF-Token": answer.json()["csrf_token"]}

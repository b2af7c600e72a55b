"""Somebody who registers, says who she is, buys, lets an application in, and fails at a few things."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import httpx

from libs.ids import uuid7
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.transport import Outgoing
from libs.testing.waiting import eventually
from libs.topology import MASTER_REGION, schema_of
from tests.auth.oauth.application import Application, answer_in
from tests.auth.oauth.browser import Browser
from tests.e2e.canaries.marks import Marks, Place
from tests.e2e.canaries.traces import Watched
from tests.e2e.shopper import ADDRESS, Shopper, new_product, settled

CALLBACK: Final = "https://shop.example/callback"
_QUEUE: Final = "user-inbox"


def of_life(marks: Marks, name: str, operation: str = "life") -> str:
    return marks.of(Place("any", operation, "body", f"/{name}"))


def person_of(marks: Marks, who: str = "") -> dict[str, str]:
    """Return what she registers with."""
    return {
        "email": f"{of_life(marks, 'email')}{who}@example.com",
        "password": f"pass phrase {of_life(marks, 'password')}",
        "display_name": f"Name {of_life(marks, 'display_name')}",
    }


async def live_a_life(watched: Watched, http: httpx.AsyncClient, marks: Marks) -> None:
    """Do what customers do, with a mark in everything that is hers."""
    admin = await Shopper(http).log_in_as(watched.stack.administrator)
    agent = marks.of(Place("any", "life", "header", "User-Agent"))
    shopper, person = Shopper(http, {"User-Agent": agent}), person_of(marks)
    registered = await shopper.send("POST", "/v1/auth/register", person)
    assert registered.status_code == 201, registered.text
    await shopper.log_in(person["email"], person["password"])
    changed = await shopper.send("PATCH", "/v1/me", {"display_name": person["display_name"] * 2})
    assert changed.json()["display_name"] == person["display_name"] * 2
    await _buy(shopper, marks, await new_product(admin, stock=10))
    await _let_an_application_in(http, admin, person, marks)
    await shopper.send("POST", "/v1/auth/password/forgot", {"email": person["email"]})


async def _buy(shopper: Shopper, marks: Marks, sku: str) -> None:
    hers = {part: of_life(marks, part) for part in ("recipient", "line1", "line2", "city")}
    address = {**ADDRESS, **hers}
    shopper.address_id = (await shopper.post("/v1/me/addresses", address, 201))["address_id"]
    for method in ("tok_ok", "tok_declined"):
        cart = await shopper.fill_cart(sku)
        placed = await shopper.place(await shopper.order_body(cart["cart_id"], method))
        order = await settled(shopper, placed.json()["order_id"])
        assert hers["recipient"] in json.dumps(order["ship_to"])


async def _let_an_application_in(
    http: httpx.AsyncClient, admin: Shopper, person: Mapping[str, str], marks: Marks
) -> None:
    name = "canary-watcher"
    body = {
        "client_id": name,
        "name": "Watcher",
        "confidential": False,
        "redirect_uris": [CALLBACK],
        "scopes": ["openid", "profile", "email", "offline_access"],
        "grants": ["authorization_code", "refresh_token"],
    }
    await admin.post("/v1/oauth-clients", body, 201)
    application, browser = Application(http, name, None, CALLBACK), Browser(http)
    words = {part: of_life(marks, part) for part in ("state", "login_hint")}
    nonce = marks.of(Place("auth", "authorize", "query", "nonce"))
    await browser.open(application.address(**words, nonce=nonce))
    await browser.submit(email=person["email"], password=f"wrong {of_life(marks, 'password')}")
    await browser.submit(email=person["email"], password=person["password"])
    back = answer_in(await browser.submit(decision="allow"))
    assert back["state"] == words["state"]
    redeemed = await application.redeem(back["code"])
    assert redeemed.status_code == httpx.codes.OK, redeemed.text
    token = redeemed.json()["refresh_token"]
    assert (await application.refresh(token)).status_code == httpx.codes.OK
    assert (await application.post("/oauth2/revoke", {"token": token})).is_success


async def make_a_message_fail(watched: Watched, http: httpx.AsyncClient, marks: Marks) -> None:
    """Register somebody while what handles the news has lost its table, and write a message no service would."""
    odd = {"specversion": "1.0", "type": "identity.registered.v1"} | {
        name: of_life(marks, name, "by hand") for name in ("id", "subject", "data", "time")
    }
    async with (
        open_broker(
            region=MASTER_REGION, endpoint_url=watched.broker_url, prefix="meridian"
        ) as broker,
        _given_up_at_once(broker),
        _without_profiles(watched),
    ):
        told = await http.post("/v1/auth/register", json=person_of(marks, ".later"))
        assert told.status_code == httpx.codes.CREATED, told.text
        message = Outgoing(id=str(uuid7()), body=json.dumps(odd), attributes={"type": "odd"})
        assert await broker.publish(f"queue:{_QUEUE}", [message]) == {}

        async def both_failed() -> bool:
            return await broker.depth(f"{_QUEUE}-dead") > 1

        await eventually(both_failed, timeout=90)


@asynccontextmanager
async def _given_up_at_once(broker: AwsBroker) -> AsyncIterator[None]:
    """A message that fails once is a dead letter; it takes minutes otherwise."""
    url = await broker.queue_url(_QUEUE)
    was = await broker.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    policy: dict[str, Any] = json.loads(was["Attributes"]["RedrivePolicy"])
    hasty = json.dumps({**policy, "maxReceiveCount": 1})
    await broker.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": hasty})
    try:
        yield
    finally:
        await broker.sqs.set_queue_attributes(
            QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)}
        )


@asynccontextmanager
async def _without_profiles(watched: Watched) -> AsyncIterator[None]:
    connection, schema = await asyncpg.connect(watched.stack.database), schema_of("user")
    try:
        await connection.execute(f"ALTER TABLE {schema}.profiles RENAME TO profiles_away")
        try:
            yield
        finally:
            await connection.execute(f"ALTER TABLE {schema}.profiles_away RENAME TO profiles")
    finally:
        await connection.close()

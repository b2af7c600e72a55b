"""Somebody buys, takes a copy of everything, and is forgotten: afterwards nothing of them is found anywhere."""

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from libs.cache.redis import open_redis
from libs.cache.sessions import SessionRecord, SessionStore
from libs.clock import utc_now
from libs.testing.servers import REDIS_PATIENCE
from libs.testing.waiting import eventually
from libs.topology import LOCAL_PORTS, SERVICES, schema_of
from tests.e2e.shopper import Shopper, new_product, settled
from tests.e2e.stack import Stack
from tests.privacy.inventory import kept_tables

pytestmark = [pytest.mark.e2e, pytest.mark.stack]


@dataclass(frozen=True)
class Person:
    """Somebody whose every word is found again."""

    shopper: Shopper
    email: str
    password: str
    words: tuple[str, ...]
    user_id: str


async def joined(http: httpx.AsyncClient) -> Person:
    mark = secrets.token_hex(6)
    email, password = f"canary.{mark}@example.com", secrets.token_urlsafe(18)
    shopper = Shopper(http)
    person = {"email": email, "password": password, "display_name": f"Name{mark}"}
    assert (await shopper.send("POST", "/v1/auth/register", person)).status_code == 201
    await shopper.log_in(email, password)
    address = {
        "recipient": f"Recipient{mark}",
        "line1": f"Street{mark}",
        "city": f"City{mark}",
        "region": "OR",
        "postal_code": "97201",
        "country": "US",
        "phone": "+15035550142",
    }
    shopper.address_id = (await shopper.post("/v1/me/addresses", address, 201))["address_id"]
    user_id = (await shopper.get("/v1/me"))["user_id"]
    words = (mark, "+15035550142")
    return Person(shopper, email, password, words, user_id)


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.database)
    yield connection
    await connection.close()


async def tables(database: asyncpg.Connection, service: str) -> list[str]:
    rows = await database.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = $1"
        " AND table_type = 'BASE TABLE'",
        schema_of(service),
    )
    return [str(row["table_name"]) for row in rows]


async def rows_with(database: asyncpg.Connection, service: str, table: str, word: str) -> int:
    """Count the rows that hold a word, written as text or in the bytes of a binary column."""
    found = await database.fetchval(
        f"SELECT count(*) FROM {schema_of(service)}.{table} AS row"  # noqa: S608 - names of the catalogue
        " WHERE position($1 IN to_jsonb(row)::text) > 0 OR position($2 IN to_jsonb(row)::text) > 0",
        word,
        word.encode().hex(),
    )
    return int(found)


async def rows_of_user(database: asyncpg.Connection, user_id: str) -> set[tuple[str, str]]:
    """Name the tables with rows that belong to a user."""
    held = set()
    for service in SERVICES:
        owned = await database.fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = $1 AND (column_name IN ('user_id', 'principal')"
            " OR (table_name = 'identities' AND column_name = 'id'))",
            schema_of(service),
        )
        for row in owned:
            name = f"{schema_of(service)}.{row['table_name']}"
            query = f"SELECT count(*) FROM {name} WHERE {row['column_name']} = $1"  # noqa: S608 - names of the catalogue
            if await database.fetchval(query, user_id):
                held.add((service, row["table_name"]))
    return held


async def sessions_of(stack: Stack, user_id: str) -> list[SessionRecord]:
    """Return what Redis still says of a user, as auth, who alone may look."""
    secrets_file = stack.home / "meridian" / "secrets" / "secrets.json"
    password = json.loads(secrets_file.read_text())["role_passwords"]["auth_redis"]
    port = LOCAL_PORTS["valkey"] + int(stack.environment["PORT_OFFSET"])
    opened = open_redis(f"redis://auth:{password}@127.0.0.1:{port}/0", REDIS_PATIENCE)
    try:
        return await SessionStore(opened).list_for(user_id)
    finally:
        await opened.aclose()


async def copy_of(person: Person) -> dict[str, Any]:
    export = await person.shopper.post("/v1/me/exports", None, 201)
    return await person.shopper.get(export["href"])


async def test_who_was_here_has_a_copy_and_leaves_no_trace(
    stack: Stack, http: httpx.AsyncClient, admin: Shopper, database: asyncpg.Connection
) -> None:
    began = utc_now()
    person = await joined(http)
    shopper = person.shopper
    sku = await new_product(admin, stock=5)
    cart = await shopper.fill_cart(sku)
    placed = (await shopper.place(await shopper.order_body(cart["cart_id"]))).json()
    await settled(shopper, placed["order_id"])
    await shopper.fill_cart(sku)

    copied = json.dumps(await copy_of(person))
    for word in (person.email, *person.words, placed["order_id"], sku, "tok_ok"):
        assert word in copied, word

    asked = await shopper.post("/v1/me/erasure", None, 202)
    refused = await Shopper(http).send(
        "POST", "/v1/auth/login", {"email": person.email, "password": person.password}
    )
    assert refused.status_code == 401

    async def look() -> dict[str, Any]:
        stack.command("erasures", "--push", "all")
        answer = await http.get(
            f"/v1/erasures/{asked['erasure_id']}",
            headers={"Erasure-Token": asked["receipt_token"]},
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def reached(state: str) -> dict[str, Any] | None:
        found = await look()
        return found if found["state"] == state else None

    held = await eventually(lambda: reached("held"), timeout=60)
    assert held is not None
    assert "1 order is not finished" in held["reason"]
    assert ("auth", "identities") in await rows_of_user(database, person.user_id)

    parcel = {"carrier": "post", "tracking_number": "1"}
    place = f"/v1/orders/{placed['order_id']}"
    tag = (await admin.send("GET", place, None)).headers["ETag"]
    await admin.post(f"{place}/shipments", parcel, 201, **{"If-Match": tag})
    done = await eventually(lambda: reached("completed"), timeout=120)
    assert done is not None
    assert done["receipt"].count(".") == 2
    kept = {one["service"] for one in done["services"] if one["retained_until"]}
    assert kept == {"order"}

    assert stack.command("republish", "--since", began.isoformat()).returncode == 0
    await eventually(lambda: nothing_waits(database), timeout=60)

    left = await rows_of_user(database, person.user_id)
    assert left <= kept_tables().keys(), "docs/privacy/inventory.json says so"
    assert {(service, "erased_users") for service in SERVICES} <= left
    found = [
        f"{service}.{table}"
        for service in SERVICES
        for table in await tables(database, service)
        for word in (person.email, *person.words)
        if await rows_with(database, service, table, word)
    ]
    assert set(found) <= {"order.orders"}
    assert await sessions_of(stack, person.user_id) == []
    order = await admin.get(f"/v1/orders/{placed['order_id']}")
    assert order["ship_to"]["recipient"].startswith("Recipient")
    again = {"email": person.email, "password": person.password, "display_name": "New"}
    assert (await Shopper(http).send("POST", "/v1/auth/register", again)).status_code == 201


async def nothing_waits(database: asyncpg.Connection) -> bool:
    """Tell whether every message was sent."""
    for service in SERVICES:
        waiting = await database.fetchval(
            f"SELECT count(*) FROM {schema_of(service)}.outbox_messages WHERE published_at IS NULL"  # noqa: S608 - constant names
        )
        if waiting:
            return False
    return True

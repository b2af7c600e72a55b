import asyncio
import json

import httpx
import pytest
from sqlalchemy import func, select

from libs.database.session import Database
from libs.messaging.tables import outbox_messages
from services.auth.models import Identity
from tests.auth.conftest import PASSWORD, log_in, register

BODY = {"email": "ada@example.com", "password": PASSWORD, "display_name": "Ada"}


async def test_registering_creates_an_account_that_can_log_in(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/auth/register", json=BODY)

    assert response.status_code == 201
    assert response.json()["user_id"].startswith("usr_")
    assert response.headers["Cache-Control"] == "no-store"
    assert (await log_in(client, "ada@example.com")).status_code == 200


async def test_events_are_written_with_the_account_and_hold_no_personal_data(
    client: httpx.AsyncClient, database: Database
) -> None:
    person = await register(client, "ada@example.com")

    async with database.transaction() as session:
        envelopes = (await session.scalars(select(outbox_messages.c.envelope))).all()
    registered, verification = (json.loads(envelope) for envelope in envelopes)
    assert registered["type"] == "identity.registered.v1"
    assert registered["data"] == {"user_id": person.user_id, "home_region": "us-east-1"}
    assert verification["type"] == "identity.email_verification_requested.v1"
    assert verification["data"].keys() == {"user_id", "request_id"}
    assert "ada" not in "".join(envelopes).lower()


@pytest.mark.parametrize("path", ["/v1/auth/register", "/v1/auth/login"])
async def test_a_password_that_is_no_text_is_refused_by_name(
    client: httpx.AsyncClient, path: str
) -> None:
    body = (
        {**BODY, "password": f"{PASSWORD}\ud800"}
        if "register" in path
        else {"email": "ada@example.com", "password": "\ud800"}
    )
    headers = {"Content-Type": "application/json"}
    response = await client.post(path, content=json.dumps(body), headers=headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/password"


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.COM", " ada@example.com "])
async def test_an_address_registers_once_whatever_its_spelling(
    client: httpx.AsyncClient, database: Database, email: str
) -> None:
    await register(client, "ada@example.com")

    response = await client.post("/v1/auth/register", json={**BODY, "email": email})

    assert (response.status_code, response.json()["code"]) == (409, "email_taken")
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(outbox_messages)) == 2


async def test_a_race_for_an_address_has_one_winner(
    client: httpx.AsyncClient, database: Database
) -> None:
    responses = await asyncio.gather(
        *(client.post("/v1/auth/register", json=BODY) for _ in range(10))
    )

    assert sorted(r.status_code for r in responses) == [201] + [409] * 9
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Identity)) == 1
        assert await session.scalar(select(func.count()).select_from(outbox_messages)) == 2


async def test_the_same_idempotency_key_registers_once(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "registration-1"}
    first = await client.post("/v1/auth/register", json=BODY, headers=headers)
    again = await client.post("/v1/auth/register", json=BODY, headers=headers)

    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": None}, "/email"),
        ({"password": "short"}, "/password"),
        ({"password": "x" * 129}, "/password"),
        ({"password": 123456789012}, "/password"),
        ({"display_name": ""}, "/display_name"),
        ({"display_name": "  "}, "/display_name"),
        ({"display_name": "x" * 101}, "/display_name"),
        ({"roles": ["admin"]}, "/roles"),
        ({"user_id": "usr_1"}, "/user_id"),
        ({"email": "a\x00@example.com"}, "/email"),
    ],
)
async def test_what_is_wrong_with_a_registration_is_named_and_not_repeated(
    client: httpx.AsyncClient, change: dict[str, object], pointer: str
) -> None:
    response = await client.post("/v1/auth/register", json={**BODY, **change})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert PASSWORD not in response.text
    assert "x" * 20 not in response.text


async def test_spaces_around_a_password_are_part_of_it(client: httpx.AsyncClient) -> None:
    spaced = {**BODY, "password": f"  {PASSWORD} "}
    await client.post("/v1/auth/register", json=spaced)

    assert (await log_in(client, "ada@example.com", PASSWORD)).status_code == 401
    assert (await log_in(client, "ada@example.com", f"  {PASSWORD} ")).status_code == 200


async def test_passwords_are_kept_as_argon2id_hashes(
    client: httpx.AsyncClient, database: Database
) -> None:
    await register(client)
    async with database.transaction() as session:
        (stored,) = await session.scalars(select(Identity.password_hash))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")

import asyncio
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import OKPKey
from sqlalchemy import text

from libs.clock import utc_now
from libs.contracts import EVENTS
from libs.contracts.auth import IdentityRegistered
from libs.contracts.erasure import ErasureCompleted
from libs.messaging.processing import Processor
from libs.testing.builders import envelope_of
from libs.testing.scale import trials
from libs.testing.tokens import TokenFactory
from services.user.consumers import handlers
from services.user.dependencies import build_erasing
from services.user.domain.erasure import OTHERS
from tests.crashing import Killed, killed_before_statement
from tests.user.conftest import OTHER, USER, Headers, Running
from tests.user.test_routes import add

KEY = {"Idempotency-Key": "forget-me"}
ANSWERS: Mapping[str, type[ErasureCompleted]] = {
    event.publisher: event for event in EVENTS if issubclass(event, ErasureCompleted)
}


async def ask(running: Running, headers: Mapping[str, str]) -> httpx.Response:
    return await running.http.post("/v1/me/erasure", headers={**headers, **KEY})


async def asked(running: Running, headers: Headers) -> dict[str, Any]:
    """Somebody with a profile and an address wants to be forgotten."""
    mine = headers()
    await running.http.get("/v1/me", headers=mine)
    await add(running, mine)
    answer = await ask(running, mine)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def look(running: Running, asked: dict[str, Any]) -> dict[str, Any]:
    answer = await running.http.get(
        f"/v1/erasures/{asked['erasure_id']}", headers={"Erasure-Token": asked["receipt_token"]}
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def drive(running: Running) -> None:
    """Run the worker's timer as if its time had come."""
    await sql(
        running,
        "UPDATE erasures SET next_check_at = now() WHERE next_check_at IS NOT NULL RETURNING id",
    )
    await build_erasing(running.resources).run()


async def answer_of(running: Running, service: str, erasure_id: str, user_id: str = USER) -> None:
    told = ANSWERS[service](user_id=user_id, erasure_id=erasure_id, removed=1)
    await processor(running).process(envelope_of(told, source=service))


def processor(running: Running) -> Processor:
    return Processor(
        consumer="user-inbox",
        handlers=handlers(running.resources),
        database=running.resources.database,
        outbox_of=running.resources.outbox,
        transactions=5,
    )


async def sql(running: Running, statement: str, **values: object) -> list[Any]:
    async with running.resources.database.transaction() as session:
        found = await session.execute(text(statement), values)
        return list(found.scalars())


async def told(running: Running) -> list[str]:
    return await sql(running, "SELECT type FROM outbox_messages ORDER BY position")


async def test_the_account_is_closed_before_the_request_is_answered(
    running: Running, headers: Headers
) -> None:
    body = await asked(running, headers)
    assert running.auth.closed == [USER]
    assert body["state"] == "requested"
    assert (await look(running, body))["state"] == "requested"


async def test_an_account_is_closed_later_when_auth_is_away(
    running: Running, headers: Headers
) -> None:
    await running.http.get("/v1/me", headers=headers())
    running.auth.is_away = True
    answer = await ask(running, headers())
    assert answer.status_code == 202
    await drive(running)
    assert (await look(running, answer.json()))["state"] == "requested"
    running.auth.is_away = False
    await drive(running)
    assert running.auth.closed == [USER]
    assert (await look(running, answer.json()))["state"] == "running"


async def test_only_who_just_proved_who_they_are_may_ask(
    running: Running, token_factory: TokenFactory
) -> None:
    long_ago = int(utc_now().timestamp()) - 301
    token = token_factory(subject=USER, auth_time=long_ago)
    answer = await ask(running, {"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert "insufficient_user_authentication" in answer.headers["www-authenticate"]
    assert running.auth.closed == []


@pytest.mark.parametrize("key", ["forget-me", "another"])
async def test_a_lost_answer_is_given_again_though_the_session_is_over(
    running: Running, headers: Headers, token_factory: TokenFactory, key: str
) -> None:
    """Asking closes the account, which ends the session; the token still lives for minutes."""
    first = await asked(running, headers)
    ended = token_factory(subject=USER, session=False)
    retried = {"Authorization": f"Bearer {ended}", "Idempotency-Key": key}
    again = await running.http.post("/v1/me/erasure", headers=retried)
    assert (again.status_code, again.json()) == (202, first)
    assert again.headers["Location"] == f"/v1/erasures/{first['erasure_id']}"
    await drive(running)
    late = await running.http.post("/v1/me/erasure", headers=retried)
    assert late.json()["receipt_token"] == first["receipt_token"]
    assert (await look(running, late.json()))["state"] == "running"
    assert await sql(running, "SELECT count(*) FROM idempotency_keys") == [0]
    assert await sql(running, "SELECT count(*) FROM erasures") == [1]


async def test_whoever_asked_for_nothing_needs_a_session_that_lives(
    running: Running, headers: Headers, token_factory: TokenFactory
) -> None:
    await asked(running, headers)
    ended = token_factory(subject=OTHER, session=False)
    answer = await ask(running, {"Authorization": f"Bearer {ended}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
    assert running.auth.closed == [USER]


@pytest.mark.parametrize("steps", range(0, 12, 2))
async def test_a_kill_while_it_is_asked_for_loses_no_receipt(
    running: Running, headers: Headers, steps: int
) -> None:
    mine = headers()
    await running.http.get("/v1/me", headers=mine)
    with killed_before_statement(steps), suppress(Killed):
        await ask(running, mine)
    again = await ask(running, mine)
    assert again.status_code == 202
    assert running.auth.closed
    await drive(running)
    for service in OTHERS:
        await answer_of(running, service, again.json()["erasure_id"])
    assert (await look(running, again.json()))["state"] == "completed"
    assert await sql(running, "SELECT count(*) FROM erasures") == [1]


async def test_asking_twice_at_once_is_asking_once(running: Running, headers: Headers) -> None:
    mine = headers()
    await running.http.get("/v1/me", headers=mine)
    answers = await asyncio.gather(*(ask(running, mine) for _ in range(5)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.json()["receipt_token"] for one in answers}) == 1


async def test_a_receipt_token_from_before_the_secret_changed_ends_when_another_is_asked_for(
    running: Running, headers: Headers
) -> None:
    first = await asked(running, headers)
    old = hashlib.sha256(b"made under another secret").digest()
    await sql(running, "UPDATE erasures SET receipt_token_hash = :old RETURNING id", old=old)
    again = await ask(running, headers())
    assert again.json() == first
    assert (await look(running, again.json()))["state"] == "requested"


async def test_a_receipt_is_shown_to_whoever_has_its_token_and_to_nobody_else(
    running: Running, headers: Headers
) -> None:
    body = await asked(running, headers)
    for erasure_id, token in ((body["erasure_id"], "guess"), ("ers_x", body["receipt_token"])):
        answer = await running.http.get(
            f"/v1/erasures/{erasure_id}", headers={"Erasure-Token": token}
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "erasure_not_found")
    assert (await running.http.get("/v1/me/erasure", headers=headers())).status_code == 200
    assert (await running.http.get("/v1/me/erasure", headers=headers(OTHER))).status_code == 404


async def test_nothing_is_removed_while_an_order_is_not_finished(
    running: Running, headers: Headers
) -> None:
    running.auth.open_orders[USER] = 2
    body = await asked(running, headers)
    await drive(running)
    held = await look(running, body)
    assert held["state"] == "held"
    assert held["reason"].startswith("2 orders are not finished")
    assert await sql(running, "SELECT count(*) FROM addresses") == [1]
    assert "user.erasure_requested.v1" not in await told(running)
    running.auth.open_orders.clear()
    await drive(running)
    begun = await look(running, body)
    assert (begun["state"], begun["reason"]) == ("running", None)
    assert await sql(running, "SELECT count(*) FROM profiles") == [0]
    assert await sql(running, "SELECT count(*) FROM addresses") == [0]
    assert await sql(running, "SELECT count(*) FROM idempotency_keys") == [0]


async def test_whoever_does_not_answer_is_asked_again(running: Running, headers: Headers) -> None:
    await asked(running, headers)
    for _ in range(4):
        await drive(running)
    assert (await told(running)).count("user.erasure_requested.v1") == 3


async def test_the_last_answer_brings_a_signed_receipt_and_is_told_once(
    running: Running, headers: Headers
) -> None:
    body = await asked(running, headers)
    await drive(running)
    for service in (*OTHERS, *OTHERS):
        await answer_of(running, service, body["erasure_id"])
    done = await look(running, body)
    assert done["state"] == "completed"
    assert (await told(running)).count("user.erased.v1") == 1
    bundle = json.loads(running.resources.settings.trust_bundle_file.read_bytes())
    key = next(entry for entry in bundle["keys"] if entry["kid"] == "user")
    receipt = jws.deserialize_compact(
        done["receipt"], OKPKey.import_key(key), algorithms=["Ed25519"]
    )
    claims = json.loads(receipt.payload)
    assert receipt.headers()["typ"] == "erasure-receipt+jwt"
    assert claims["sub"] == body["erasure_id"]
    assert {row["service"] for row in claims["services"]} == {"user", *OTHERS}
    assert USER not in str(claims)


async def test_answers_that_come_too_early_or_are_about_nobody_change_nothing(
    running: Running, headers: Headers
) -> None:
    body = await asked(running, headers)
    await answer_of(running, "cart", body["erasure_id"])
    await answer_of(running, "cart", "ers_of_nobody")
    assert all(row["answered_at"] is None for row in (await look(running, body))["services"])


async def test_no_old_message_and_no_living_token_brings_somebody_back(
    running: Running, headers: Headers
) -> None:
    token = headers()
    await asked(running, headers)
    await drive(running)
    registered = IdentityRegistered(user_id=USER, home_region="us-east-1")
    await processor(running).process(envelope_of(registered, source="auth"))
    for answer in (
        await running.http.get("/v1/me", headers=token),
        await running.http.post("/v1/me/addresses", json={"x": 1}, headers=token),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "account_erased")
    assert await sql(running, "SELECT count(*) FROM profiles") == [0]


@pytest.mark.parametrize("number", range(trials(6, 60)))
async def test_a_kill_at_any_statement_costs_a_repetition_and_nothing_else(
    running: Running, headers: Headers, number: int
) -> None:
    body = await asked(running, headers)
    steps = number * trials(6, 1)
    with killed_before_statement(steps) as seen:
        try:
            await drive(running)
            for service in OTHERS:
                await answer_of(running, service, body["erasure_id"])
        except Killed:
            assert len(seen) == steps
    await drive(running)
    await drive(running)
    for service in OTHERS:
        await answer_of(running, service, body["erasure_id"])
    assert (await look(running, body))["state"] == "completed"
    assert await sql(running, "SELECT count(*) FROM profiles") == [0]
    assert (await told(running)).count("user.erased.v1") == 1

import asyncio
import logging
import time
import unicodedata

import httpx
import pytest
import redis.asyncio as redis_asyncio
from argon2 import PasswordHasher
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import func, select, update

from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from libs.testing.servers import REDIS_PATIENCE
from libs.testing.tokens import AUDIENCE, ISSUER
from services.auth.domain.accounts import scopes_of
from services.auth.models import Identity, RefreshFamily, RefreshToken
from services.auth.service.passwords import _ARGON2ID
from tests.auth.conftest import PASSWORD, Person, StartAuth, log_in, register

WRONG = "incorrect horse battery"


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def claims_of(person: Person) -> dict[str, object]:
    keys = KeySet.import_key_set((await person.client.get("/.well-known/jwks.json")).json())
    token = jwt.decode(person.tokens["access_token"], keys, algorithms=["RS256"])
    assert token.header["typ"] == "at+jwt"
    return dict(token.claims)


async def test_the_access_token_is_an_rfc_9068_token_of_five_minutes(ada: Person) -> None:
    claims = await claims_of(ada)

    assert claims["iss"] == ISSUER
    assert claims["aud"] == AUDIENCE
    assert claims["sub"] == ada.user_id
    assert claims["sid"] == ada.tokens["session_id"]
    assert claims["client_id"] == "web"
    assert claims["home_region"] == "us-east-1"
    assert claims["roles"] == ["customer"]
    assert str(claims["scope"]).split() == list(scopes_of(["customer"]))
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 300
    assert abs(int(str(claims["auth_time"])) - int(str(claims["iat"]))) <= 2
    assert claims["jti"]
    assert not {"email", "name", "display_name"} & claims.keys()


async def test_the_answer_is_never_cached_and_names_its_parts(ada: Person) -> None:
    response = await log_in(ada.client, ada.email)

    assert response.headers["Cache-Control"] == "no-store"
    assert response.json().keys() == {
        "access_token", "token_type", "expires_in", "refresh_token", "session_id",
    }  # fmt: skip
    assert response.json()["token_type"] == "Bearer"
    assert response.json()["expires_in"] == 300


async def test_a_login_records_a_live_session(ada: Person, redis_url: str) -> None:
    redis = open_redis(redis_url, REDIS_PATIENCE)
    record = await SessionStore(redis).get(ada.tokens["session_id"])
    await redis.aclose()

    assert record is not None
    assert record.user_id == ada.user_id


async def test_the_database_holds_no_usable_token(ada: Person, database: Database) -> None:
    async with database.transaction() as session:
        families = (await session.execute(select(RefreshFamily.__table__))).all()
        tokens = (await session.execute(select(RefreshToken.__table__))).all()
    dump = repr((families, tokens))
    assert ada.tokens["session_id"] in dump
    assert ada.tokens["refresh_token"] not in dump
    assert ada.tokens["access_token"] not in dump


@pytest.mark.parametrize("email", ["ADA@EXAMPLE.COM", " ada@example.com "])
async def test_the_address_may_be_spelled_otherwise(client: httpx.AsyncClient, email: str) -> None:
    await register(client, "ada@example.com")
    assert (await log_in(client, email)).status_code == 200


async def test_a_password_may_be_composed_otherwise(client: httpx.AsyncClient) -> None:
    composed, decomposed = (
        unicodedata.normalize(form, "café à la crème") for form in ("NFC", "NFD")
    )
    assert composed != decomposed
    person = await register(client, password=decomposed)
    assert (await log_in(client, person.email, composed)).status_code == 200
    assert (await log_in(client, person.email, decomposed)).status_code == 200


async def test_refused_logins_all_read_alike(client: httpx.AsyncClient, database: Database) -> None:
    person, disabled = await register(client), await register(client)
    async with database.transaction() as session:
        await session.execute(
            update(Identity).where(Identity.id == disabled.user_id).values(status="disabled")
        )
    refused = [
        await log_in(client, person.email, WRONG),
        await log_in(client, "nobody@example.com", PASSWORD),
        await log_in(client, "not an address", "x"),
        await log_in(client, disabled.email, PASSWORD),
    ]

    bodies = [{**r.json(), "request_id": None} for r in refused]
    assert {problem(r) for r in refused} == {(401, "invalid_credentials")}
    assert all(body == bodies[0] for body in bodies)
    assert all(r.headers["WWW-Authenticate"].startswith("Bearer") for r in refused)


async def test_hashing_leaves_the_event_loop_free(client: httpx.AsyncClient) -> None:
    """Judged by processor time, which counts what is worked and not how long the machine let it wait."""
    person = await register(client)
    began = time.thread_time()
    _ARGON2ID.hash(PASSWORD)
    one_hash = time.thread_time() - began
    here, everywhere = time.thread_time(), time.process_time()
    answers = await asyncio.gather(*(log_in(client, person.email) for _ in range(8)))
    elsewhere = (time.process_time() - everywhere) - (time.thread_time() - here)
    assert {answer.status_code for answer in answers} == {200}
    assert elsewhere > 4 * one_hash


async def test_more_passwords_than_the_queue_holds_are_told_to_come_back(
    start_auth: StartAuth,
) -> None:
    client = await start_auth(
        password_hash_threads=1, password_hash_queue=1, login_attempts_per_address=1_000
    )
    people = [f"nobody-{number}@example.com" for number in range(20)]

    responses = await asyncio.gather(*(log_in(client, email, WRONG) for email in people))

    codes = {problem(response) for response in responses}
    assert codes == {(401, "invalid_credentials"), (503, "password_checks_busy")}
    assert all(r.headers["Retry-After"] for r in responses if r.status_code == 503)


async def test_an_address_may_try_so_often_a_minute(start_auth: StartAuth) -> None:
    client = await start_auth(login_attempts_per_address=5)
    here, there = {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "198.51.100.2"}
    for number in range(5):
        response = await log_in(client, f"nobody-{number}@example.com", WRONG, here)
        assert response.status_code == 401

    refused = await log_in(client, "nobody@example.com", WRONG, here)
    assert problem(refused) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await log_in(client, "nobody@example.com", WRONG, there)).status_code == 401


async def test_registrations_are_limited_by_address_too(start_auth: StartAuth) -> None:
    client = await start_auth(registrations_per_address=2)
    for _ in range(2):
        await register(client)
    body = {"email": "late@example.com", "password": PASSWORD, "display_name": "Late"}
    assert problem(await client.post("/v1/auth/register", json=body)) == (429, "rate_limited")


async def test_guessing_from_many_addresses_is_stopped_but_the_owner_still_gets_in(
    start_auth: StartAuth,
) -> None:
    client = await start_auth(login_failures_per_account=5)
    home = {"X-Forwarded-For": "203.0.113.7"}
    owner = await register(client)
    await owner.log_in(**home)

    guesses = [
        await log_in(client, owner.email, WRONG, {"X-Forwarded-For": f"198.51.100.{number}"})
        for number in range(20)
    ]

    assert sorted({guess.status_code for guess in guesses}) == [401, 429]
    assert sum(guess.status_code == 401 for guess in guesses) == 5
    stranger = {"X-Forwarded-For": "192.0.2.1"}
    assert (await log_in(client, owner.email, PASSWORD, stranger)).status_code == 429
    assert (await log_in(client, owner.email, PASSWORD, home)).status_code == 200


async def test_correct_passwords_use_up_no_allowance(start_auth: StartAuth) -> None:
    client = await start_auth(login_failures_per_account=3)
    person = await register(client)
    for _ in range(10):
        await person.log_in()


async def test_guesses_at_an_unknown_account_are_throttled_just_the_same(
    start_auth: StartAuth,
) -> None:
    client = await start_auth(login_failures_per_account=3)
    codes = [(await log_in(client, "nobody@example.com", WRONG)).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
async def test_without_redis_a_login_is_503_whatever_the_password(
    start_auth: StartAuth, database: Database, password: str
) -> None:
    client = await start_auth(redis_url="redis://127.0.0.1:1/0")
    person = await register(client)

    response = await log_in(client, person.email, password)

    assert problem(response) == (503, "session_store_unavailable")
    assert response.headers["Retry-After"]
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(RefreshFamily)) == 0


async def test_a_login_that_cannot_be_recorded_leaves_no_session(
    client: httpx.AsyncClient,
    redis_url: str,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = await register(client)

    async def broken(*_: object) -> object:
        raise redis_asyncio.ConnectionError

    monkeypatch.setattr(redis_asyncio.Redis, "sadd", broken)  # the check passed, the write fails
    assert problem(await log_in(client, person.email))[0] == 503
    monkeypatch.undo()

    async with database.transaction() as session:
        live = select(func.count()).where(RefreshFamily.revoked_at.is_(None))
        assert await session.scalar(live) == 0


async def test_a_hash_with_old_parameters_is_replaced_at_login(
    client: httpx.AsyncClient, database: Database
) -> None:
    person = await register(client)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(password_hash=weak))

    await person.log_in()

    async with database.transaction() as session:
        (stored,) = await session.scalars(select(Identity.password_hash))
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await person.log_in()


async def test_a_broken_hash_in_the_database_lets_nobody_in(
    client: httpx.AsyncClient, database: Database
) -> None:
    person = await register(client)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(password_hash="plain text"))
    assert problem(await log_in(client, person.email))[0] == 401


async def test_neither_address_nor_password_nor_token_reaches_a_log(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        person = await (await register(client, "canary@example.com")).log_in()
        await log_in(client, "canary@example.com", "canary-wrong-password")
        await person.refresh()
        await person.refresh()
    captured = capsys.readouterr()
    logged = caplog.text + captured.out + captured.err

    for secret in ("canary", PASSWORD, *person.tokens.values()):
        if secret not in {"Bearer", str(person.tokens["session_id"]), 300}:
            assert str(secret) not in logged

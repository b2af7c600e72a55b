"""The token endpoint: codes once, verifiers right, clients proven, refresh tokens bound to the client that got them."""

import asyncio
import json
from datetime import timedelta

import httpx
from joserfc import jws
from sqlalchemy import func, select, update

from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from libs.testing.servers import REDIS_PATIENCE
from services.auth.models import AuthorizationCode, Identity, OAuthClient, RefreshFamily
from services.auth.service.oauth.id_tokens import half_hash
from tests.auth.conftest import Person
from tests.auth.oauth.application import VERIFIER, Application, answer_in
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication
from tests.auth.sessions import let_time_pass

CODE_ERROR = (400, "invalid_grant")


def claims_of(token: str) -> dict[str, object]:
    claims: dict[str, object] = json.loads(jws.extract_compact(token.encode()).payload)
    return claims


def refusal(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json()) == {"error", "error_description"}
    return response.status_code, response.json()["error"]


async def code_for(application: Application, browser: Browser, **changes: str) -> str:
    return answer_in(await browser.open(application.address(**changes)))["code"]


async def tokens_for(application: Application, browser: Browser, **changes: str) -> dict[str, str]:
    response = await application.redeem(await code_for(application, browser, **changes))
    assert response.status_code == 200, response.text
    tokens: dict[str, str] = response.json()
    return tokens


async def test_a_code_becomes_tokens_that_say_what_the_standards_ask(
    shop: Application, logged_in: Browser, person: Person
) -> None:
    response = await shop.redeem(await code_for(shop, logged_in))

    assert (response.headers["Cache-Control"], response.headers["Pragma"]) == (
        "no-store",
        "no-cache",
    )
    tokens = response.json()
    assert set(tokens) == {
        *("access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token")
    }
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(access)  # RFC 9068
    assert (access["aud"], access["client_id"], access["scope"]) == (
        "meridian",
        "shop-web",
        "openid profile email",
    )
    assert identity["sub"] == access["sub"] == person.user_id
    assert (identity["aud"], identity["nonce"]) == ("shop-web", "a nonce")
    assert (identity["acr"], identity["amr"]) == ("urn:meridian:acr:password", ["pwd"])
    assert identity["at_hash"] == half_hash(tokens["access_token"])
    assert identity["sid"] == access["sid"]
    assert identity["auth_time"] == access["auth_time"]
    assert jws.extract_compact(tokens["id_token"].encode()).headers()["typ"] == "JWT"


async def test_an_id_token_is_no_access_token(
    shop: Application, logged_in: Browser, client: httpx.AsyncClient
) -> None:
    tokens = await tokens_for(shop, logged_in)
    for token, status in ((tokens["access_token"], 200), (tokens["id_token"], 401)):
        answer = await client.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


async def test_without_openid_nobody_is_named(shop: Application, logged_in: Browser) -> None:
    tokens = await tokens_for(shop, logged_in, scope="orders:read")
    assert "id_token" not in tokens
    answer = await shop.http.get(
        "/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_userinfo_tells_what_the_scopes_allow(
    shop: Application, logged_in: Browser, person: Person
) -> None:
    expected = {
        "openid": {"sub": person.user_id},
        "openid profile": {"sub": person.user_id, "name": "Ada"},
        "openid email": {
            "sub": person.user_id,
            "email": person.email,
            "email_verified": False,
        },
    }
    for scope, told in expected.items():
        tokens = await tokens_for(shop, logged_in, scope=scope)
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        for method in ("GET", "POST"):
            answer = await shop.http.request(method, "/oauth2/userinfo", headers=headers)
            assert answer.json() == told


async def test_userinfo_tells_that_the_address_is_proved(
    shop: Application, logged_in: Browser, database: Database
) -> None:
    tokens = await tokens_for(shop, logged_in, scope="openid email")
    async with database.transaction() as session:
        await session.execute(update(Identity).values(email_verified_at=func.now()))
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    told = (await shop.http.get("/oauth2/userinfo", headers=headers)).json()
    assert told["email_verified"] is True


async def test_a_code_that_comes_twice_ends_what_it_began(
    shop: Application, logged_in: Browser, redis_url: str
) -> None:
    code = await code_for(shop, logged_in)
    tokens = (await shop.redeem(code)).json()

    again = await shop.redeem(code)
    assert refusal(again) == CODE_ERROR
    assert again.json() == (await shop.redeem("c" * 43)).json(), "it says that it was good before"
    assert refusal(await shop.refresh(tokens["refresh_token"])) == CODE_ERROR
    redis = open_redis(redis_url, REDIS_PATIENCE)
    session_id = str(claims_of(tokens["access_token"])["sid"])
    assert await SessionStore(redis).get(session_id) is None
    await redis.aclose()


async def test_of_twenty_uses_at_once_one_wins_and_then_loses(
    shop: Application, logged_in: Browser, database: Database
) -> None:
    code = await code_for(shop, logged_in)
    answers = await asyncio.gather(*(shop.redeem(code) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    async with database.transaction() as session:
        because = await session.scalars(
            select(RefreshFamily.revoked_because).where(RefreshFamily.client_id == "shop-web")
        )
        assert because.all() == ["code_replayed"]


async def test_a_code_is_worth_nothing_to_whoever_lacks_a_part(
    application: RegisterApplication, shop: Application, logged_in: Browser
) -> None:
    other = await application("other-shop")
    public = await application("public-shop", confidential=False)
    code = await code_for(shop, logged_in)
    attempts = {
        "another client": other.redeem(code),
        "another client without a secret": public.redeem(code),
        "no verifier": shop.redeem(code, code_verifier=None),
        "another verifier": shop.redeem(code, code_verifier="w" * 43),
        "a short verifier": shop.redeem(code, code_verifier="v" * 42),
        "the challenge itself": shop.redeem(code, code_verifier=VERIFIER + "v"),
        "another address": shop.redeem(code, redirect_uri="https://shop.example/"),
        "another code": shop.redeem("c" * 43),
        "a code without end": shop.redeem("c" * 10_000),
    }
    seen = {name: refusal(await attempt) for name, attempt in attempts.items()}

    assert seen.pop("no verifier") == (400, "invalid_request")
    assert seen == dict.fromkeys(seen, CODE_ERROR)
    assert (await shop.redeem(code)).status_code == 200, "the refused attempts spoilt it"


async def test_a_code_lives_a_minute(
    shop: Application, logged_in: Browser, database: Database
) -> None:
    code = await code_for(shop, logged_in)
    async with database.transaction() as session:
        row = await session.scalar(select(AuthorizationCode))
        assert row is not None
        assert row.expires_at - row.created_at == timedelta(seconds=60)
        assert code.encode() not in row.code_hash
        row.expires_at -= timedelta(seconds=61)
    assert refusal(await shop.redeem(code)) == CODE_ERROR


async def test_a_code_dies_with_the_login_it_came_from(
    shop: Application, logged_in: Browser, person: Person, database: Database
) -> None:
    code, other = await code_for(shop, logged_in), await code_for(shop, logged_in)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(status="disabled"))
    assert refusal(await shop.redeem(code)) == CODE_ERROR
    async with database.transaction() as session:
        await session.execute(update(Identity).values(status="active"))
    await (await person.log_in()).client.post(
        "/v1/auth/logout-all", headers=(await person.log_in()).headers
    )
    assert refusal(await shop.redeem(other)) == CODE_ERROR


async def test_refresh_tokens_rotate_and_belong_to_their_client(
    application: RegisterApplication, shop: Application, logged_in: Browser, person: Person
) -> None:
    other = await application("other-shop")
    tokens = await tokens_for(shop, logged_in)
    assert refusal(await other.refresh(tokens["refresh_token"])) == CODE_ERROR
    first_party = await shop.http.post(
        "/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]}
    )
    assert first_party.status_code == 401
    own_login = (await person.log_in()).tokens["refresh_token"]
    assert refusal(await shop.refresh(own_login)) == CODE_ERROR

    renewed = await shop.refresh(tokens["refresh_token"])
    assert renewed.status_code == 200
    assert renewed.json()["refresh_token"] != tokens["refresh_token"]
    assert claims_of(renewed.json()["id_token"])["sub"] == person.user_id
    lost = await shop.refresh(tokens["refresh_token"])
    assert lost.status_code == 200, "an answer that got lost may be asked for again"


async def test_a_copy_used_later_ends_the_clients_session(
    shop: Application, logged_in: Browser, database: Database
) -> None:
    stolen = (await tokens_for(shop, logged_in))["refresh_token"]
    owner = (await shop.refresh(stolen)).json()["refresh_token"]
    await let_time_pass(database, seconds=11)
    assert refusal(await shop.refresh(stolen)) == CODE_ERROR
    assert refusal(await shop.refresh(owner)) == CODE_ERROR


async def test_a_refresh_may_ask_for_less_and_never_for_more(
    shop: Application, logged_in: Browser
) -> None:
    tokens = await tokens_for(shop, logged_in, scope="openid orders:read")
    less = (await shop.refresh(tokens["refresh_token"], scope="orders:read")).json()
    assert (less["scope"], "id_token" in less) == ("orders:read", False)
    more = (await shop.refresh(less["refresh_token"], scope="openid email orders:read")).json()
    assert more["scope"] == "openid orders:read"
    refused = await shop.refresh(more["refresh_token"], scope="orders:admin")
    assert refusal(refused) == (400, "invalid_scope")
    assert (await shop.refresh(more["refresh_token"])).json()["scope"] == "openid orders:read"


async def test_a_refresh_gives_no_more_than_the_client_is_registered_for_now(
    application: RegisterApplication, logged_in: Browser, database: Database
) -> None:
    shop = await application("two-apis", audiences=["meridian", "warehouse-api"])
    tokens = await tokens_for(shop, logged_in, scope="openid orders:read", resource="warehouse-api")
    async with database.transaction() as session:
        await session.execute(update(OAuthClient).values(scopes=["openid", "email"]))
    fewer = (await shop.refresh(tokens["refresh_token"])).json()
    assert fewer["scope"] == "openid"
    async with database.transaction() as session:
        await session.execute(update(OAuthClient).values(audiences=["meridian"]))
    assert refusal(await shop.refresh(fewer["refresh_token"])) == CODE_ERROR


async def test_without_the_grant_there_is_no_refresh_token(
    application: RegisterApplication, logged_in: Browser
) -> None:
    short = await application("short-lived", grants=["authorization_code"])
    assert "refresh_token" not in await tokens_for(short, logged_in)
    assert refusal(await short.refresh("x" * 43)) == (400, "unauthorized_client")


async def test_a_token_is_for_the_resource_that_was_named(
    application: RegisterApplication, logged_in: Browser
) -> None:
    shop = await application("two-apis", audiences=["meridian", "warehouse-api"])
    tokens = await tokens_for(shop, logged_in, resource="warehouse-api")
    assert claims_of(tokens["access_token"])["aud"] == "warehouse-api"
    ours = await shop.http.get(
        "/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert ours.status_code == 401

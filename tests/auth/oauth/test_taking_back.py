"""What somebody allowed an application they can look at and take back; then it has nothing left of them."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from libs.audit.tables import audit_entries
from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from libs.testing.servers import REDIS_PATIENCE
from tests.auth.conftest import PASSWORD, Person, register
from tests.auth.oauth.application import Application, answer_in
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication
from tests.auth.oauth.test_tokens import CODE_ERROR, claims_of, refusal
from tests.auth.sessions import problem

PATH = "/v1/oauth-consents"
OFFLINE = "openid orders:read offline_access"


@pytest.fixture
async def ada(logged_in: Browser, person: Person) -> Person:
    """The person of the browser, with an access token of our own login."""
    return await person.log_in()


async def allowed(application: Application, browser: Browser, scope: str = OFFLINE) -> str:
    """Allow an application; return its code."""
    await browser.open(application.address(scope=scope))
    return answer_in(await browser.submit(decision="allow"))["code"]


async def tokens_of(application: Application, browser: Browser) -> dict[str, str]:
    tokens: dict[str, str] = (await application.redeem(await allowed(application, browser))).json()
    return tokens


async def listed(person: Person, **query: str) -> dict[str, Any]:
    answer = await person.client.get(PATH, params=query, headers=person.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    page: dict[str, Any] = answer.json()
    return page


async def take_back(person: Person, client_id: str) -> httpx.Response:
    return await person.client.delete(f"{PATH}/{client_id}", headers=person.headers)


async def test_people_see_what_they_allowed_and_when_it_was_used(
    partner: Application, logged_in: Browser, ada: Person
) -> None:
    assert await listed(ada) == {"items": [], "next_cursor": None}
    code = await allowed(partner, logged_in)
    (before,) = (await listed(ada))["items"]
    await partner.redeem(code)
    (after,) = (await listed(ada))["items"]

    assert (after["client_id"], after["name"]) == ("partner", "The <Shop>")
    assert after["scopes"] == ["offline_access", "openid", "orders:read"]
    assert before["last_used_at"] is None
    assert after["last_used_at"] >= after["granted_at"]
    stranger = await (await register(ada.client)).log_in()
    assert (await listed(stranger))["items"] == []


async def test_the_list_comes_in_pages(
    application: RegisterApplication, logged_in: Browser, ada: Person
) -> None:
    for name in ("zebra", "apple", "mango"):
        await allowed(await application(name, trusted=False), logged_in)
    found: list[str] = []
    cursor: str | None = None
    while len(found) < 3:
        page = await listed(ada, limit="1", **({"cursor": cursor} if cursor else {}))
        found += [one["client_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == (["apple", "mango", "zebra"], None)


async def test_what_was_taken_back_is_asked_again_and_nothing_from_before_works(
    partner: Application, logged_in: Browser, ada: Person, database: Database, redis_url: str
) -> None:
    tokens = await tokens_of(partner, logged_in)
    code = answer_in(await logged_in.open(partner.address(scope=OFFLINE)))["code"]

    for _ in range(2):
        assert (await take_back(ada, "partner")).status_code == 204

    assert refusal(await partner.redeem(code)) == CODE_ERROR
    assert refusal(await partner.refresh(tokens["refresh_token"])) == CODE_ERROR
    told = await partner.post("/oauth2/introspect", {"token": tokens["access_token"]})
    assert told.json() == {"active": False}
    redis = open_redis(redis_url, REDIS_PATIENCE)
    assert await SessionStore(redis).get(str(claims_of(tokens["access_token"])["sid"])) is None
    await redis.aclose()
    assert (await listed(ada))["items"] == []
    page = await logged_in.open(partner.address(scope=OFFLINE))
    assert page.request.url.path == "/consent"
    async with database.transaction() as session:
        of_it = audit_entries.c.action == "consent.taken_back"
        entries = (await session.execute(select(audit_entries).where(of_it))).all()
    assert {(one.actor, one.subject) for one in entries} == {(ada.user_id, "partner")}


async def test_nothing_else_ends_with_it(
    partner: Application, shop: Application, logged_in: Browser, ada: Person
) -> None:
    """Neither other applications' sessions, nor other people's, nor our own logins."""
    await tokens_of(partner, logged_in)
    own = await shop.redeem(answer_in(await logged_in.open(shop.address()))["code"])
    bob = await register(ada.client)
    his = Browser(ada.client)
    await his.open("/login")
    await his.submit(email=bob.email, password=PASSWORD)
    bobs = await tokens_of(partner, his)

    for client_id in ("partner", "web", "nobody"):
        assert (await take_back(ada, client_id)).status_code == 204

    assert (await shop.refresh(own.json()["refresh_token"])).status_code == 200
    assert (await partner.refresh(bobs["refresh_token"])).status_code == 200
    assert (await ada.refresh()).status_code == 200
    assert "code" in answer_in(await logged_in.open(shop.address()))


async def test_an_application_of_ours_can_be_made_to_log_in_again(
    shop: Application, logged_in: Browser, ada: Person
) -> None:
    """It asks nobody for consent; what it has ends all the same."""
    code = answer_in(await logged_in.open(shop.address()))["code"]
    own = await shop.redeem(code)
    assert (await take_back(ada, "shop-web")).status_code == 204
    assert refusal(await shop.refresh(own.json()["refresh_token"])) == CODE_ERROR


async def test_no_application_looks_or_takes_back(partner: Application, logged_in: Browser) -> None:
    tokens = await tokens_of(partner, logged_in)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    for method, path in (("GET", PATH), ("DELETE", f"{PATH}/partner")):
        answer = await partner.http.request(method, path, headers=headers)
        assert problem(answer) == (403, "insufficient_scope")

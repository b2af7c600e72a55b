"""Whoever logs out leaves nothing behind: in the browser that somebody else may use next, or with applications."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import func, update

from libs.database.session import Database
from services.auth.models import RefreshFamily
from tests.auth.conftest import PASSWORD, Person
from tests.auth.oauth.application import Application
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.test_browser_session import HERE, PATH, Page
from tests.auth.oauth.test_tokens import claims_of, tokens_for
from tests.auth.sessions import is_recorded, let_time_pass

FORGET = '"cache", "storage"'


def forgets(answer: httpx.Response) -> bool:
    taken_back = "Max-Age=0" in answer.headers["Set-Cookie"]
    return taken_back and answer.headers["Clear-Site-Data"] == FORGET


async def logged_in_again(browser: Browser, shop: Application, person: Person) -> Browser:
    await browser.open(shop.address())
    await browser.submit(email=person.email, password=PASSWORD)
    return browser


async def test_logging_out_leaves_nothing_in_the_browser(
    shop: Application, browser: Browser, person: Person
) -> None:
    await logged_in_again(browser, shop, person)
    await browser.open("/logout")
    assert forgets(await browser.submit())

    hint = (await tokens_for(shop, await logged_in_again(browser, shop, person)))["id_token"]
    assert forgets(await browser.get(f"/oauth2/logout?id_token_hint={hint}"))

    body = {"email": person.email, "password": PASSWORD}
    page = Page(person.client, await person.client.post(PATH, json=body, headers=HERE))
    assert forgets(await page.client.delete(PATH, headers=page.headers))


@pytest.mark.parametrize("path", ["/oauth2/logout", "/logout"])
async def test_whoever_is_not_logged_in_cannot_be_made_to_forget(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "Clear-Site-Data" not in answer.headers


@dataclass(frozen=True)
class Used:
    """A browser's login that an application was used with twice: once for as long as it lives, once for longer."""

    page: Page
    tokens: dict[str, str]
    lasting: dict[str, str]


End = Callable[[Used, Person, Database], Awaitable[None]]


@pytest.fixture
async def used(shop: Application, browser: Browser, person: Person) -> Used:
    body = {"email": person.email, "password": PASSWORD}
    page = Page(person.client, await person.client.post(PATH, json=body, headers=HERE))
    browser.cookie = page.cookie.partition("=")[2]
    person.tokens = (await page.token()).json()
    lasting = await tokens_for(shop, browser, scope="openid offline_access")
    return Used(page, await tokens_for(shop, browser), lasting)


async def log_out(used: Used, person: Person, database: Database) -> None:
    left = await person.client.post("/v1/auth/logout", headers=person.headers)
    assert left.status_code == 204


async def end_it_from_elsewhere(used: Used, person: Person, database: Database) -> None:
    phone = await person.log_in()
    session = used.page.session["session_id"]
    ended = await phone.client.delete(f"/v1/sessions/{session}", headers=phone.headers)
    assert ended.status_code == 204


async def use_only_the_applications(used: Used, person: Person, database: Database) -> None:
    await let_time_pass(database, days=7)
    async with database.transaction() as session:
        clients = update(RefreshFamily).where(RefreshFamily.login_id.is_not(None))
        await session.execute(clients.values(last_used_at=func.now()))


async def let_it_get_old(used: Used, person: Person, database: Database) -> None:
    async with database.transaction() as session:
        login = update(RefreshFamily).where(RefreshFamily.login_id.is_(None))
        await session.execute(login.values(expires_at=func.now()))


@pytest.mark.parametrize(
    "end", [log_out, end_it_from_elsewhere, use_only_the_applications, let_it_get_old]
)
async def test_an_applications_session_dies_with_the_login_unless_it_was_given_more(
    shop: Application, used: Used, person: Person, database: Database, end: End
) -> None:
    await end(used, person, database)

    refreshed = await shop.refresh(used.tokens["refresh_token"])

    assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")
    assert (await shop.refresh(used.lasting["refresh_token"])).status_code == 200
    looked_at = await shop.post("/oauth2/introspect", {"token": used.tokens["access_token"]})
    assert looked_at.json() == {"active": False}


async def test_logging_out_ends_an_applications_session_at_once(
    used: Used, person: Person, database: Database, redis_url: str
) -> None:
    person.tokens["session_id"] = str(claims_of(used.tokens["access_token"])["sid"])
    assert await is_recorded(redis_url, person)
    await log_out(used, person, database)
    assert not await is_recorded(redis_url, person)

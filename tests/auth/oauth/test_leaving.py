"""Whoever logs out leaves nothing behind in a browser that somebody else may use next."""

import httpx
import pytest

from tests.auth.conftest import PASSWORD, Person
from tests.auth.oauth.application import Application
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.test_browser_session import HERE, PATH, Page
from tests.auth.oauth.test_tokens import tokens_for

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

"""Whoever logs out leaves nothing behind in a browser that somebody else may use next."""

import httpx

from tests.auth.conftest import PASSWORD, Person
from tests.auth.oauth.application import Application
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.test_browser_session import HERE, PATH, Page

FORGET = '"cache", "storage"'


def forgets(answer: httpx.Response) -> bool:
    taken_back = "Max-Age=0" in answer.headers["Set-Cookie"]
    return taken_back and answer.headers["Clear-Site-Data"] == FORGET


async def test_logging_out_leaves_nothing_in_the_browser(
    shop: Application, browser: Browser, person: Person
) -> None:
    await browser.open(shop.address())
    await browser.submit(email=person.email, password=PASSWORD)
    await browser.open("/logout")
    assert forgets(await browser.submit())

    body = {"email": person.email, "password": PASSWORD}
    page = Page(person.client, await person.client.post(PATH, json=body, headers=HERE))
    assert forgets(await page.client.delete(PATH, headers=page.headers))

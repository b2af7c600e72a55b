"""The storefront's own session: a cookie, a CSRF token, short access tokens, and no request of another site."""

import httpx
import pytest

from libs.database.session import Database
from tests.auth.conftest import PASSWORD, Person
from tests.auth.factors import step_up
from tests.auth.oauth.browser import COOKIE
from tests.auth.sessions import flush, let_time_pass, problem

PATH = "/v1/auth/browser-session"
HERE = {"Sec-Fetch-Site": "same-origin"}


class Page:
    """A page of ours, with what its browser sends along."""

    def __init__(self, client: httpx.AsyncClient, answer: httpx.Response) -> None:
        self.client = client
        self.session = answer.json()
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        self.headers = {**HERE, "Cookie": self.cookie, "X-CSRF-Token": self.session["csrf_token"]}
        client.cookies.clear()

    async def token(self, **headers: str) -> httpx.Response:
        return await self.client.post(f"{PATH}/token", headers={**self.headers, **headers})


@pytest.fixture
async def page(person: Person) -> Page:
    answer = await log_in(person)
    assert answer.status_code == 200, answer.text
    return Page(person.client, answer)


async def log_in(person: Person, **headers: str) -> httpx.Response:
    body = {"email": person.email, "password": PASSWORD}
    return await person.client.post(PATH, json=body, headers=headers or HERE)


async def test_logging_in_gives_a_cookie_and_no_token(page: Page, person: Person) -> None:
    assert page.cookie.startswith(f"{COOKIE}=")
    assert set(page.session) == {"user_id", "session_id", "auth_time", "csrf_token"}
    assert page.session["user_id"] == person.user_id
    answer = await page.client.get(PATH, headers={"Cookie": page.cookie})
    assert answer.json() == page.session
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_page_gets_access_tokens_that_work(page: Page) -> None:
    token = (await page.token()).json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 300)
    listed = await page.client.get(
        "/v1/sessions", headers={"Authorization": f"Bearer {token['access_token']}"}
    )
    assert [one["current"] for one in listed.json()["items"]] == [True]
    assert listed.json()["items"][0]["session_id"] == page.session["session_id"]


async def test_no_other_site_can_use_the_cookie(page: Page, person: Person) -> None:
    here = "https://auth.meridian.test"
    no_site = {name: value for name, value in page.headers.items() if name != "Sec-Fetch-Site"}
    refused = [
        {**page.headers, "Sec-Fetch-Site": "cross-site", "Origin": here},
        {**page.headers, "Sec-Fetch-Site": "same-site"},
        {**no_site, "Origin": "https://evil.example"},
        {**no_site, "Origin": f"{here}.evil.example"},
        {**no_site, "Origin": "null"},
        no_site,
        {**page.headers, "X-CSRF-Token": "x" * 43},
        {**page.headers, "X-CSRF-Token": ""},
        {**page.headers, "Cookie": f"{COOKIE}={'x' * 43}"},
    ]
    for headers in refused:
        for method, path in (("POST", f"{PATH}/token"), ("DELETE", PATH)):
            answer = await page.client.request(method, path, headers=headers)
            assert problem(answer) == (403, "cross_site_request"), headers
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert problem(await log_in(person, **headers)) == (403, "cross_site_request")
    allowed = await page.client.post(f"{PATH}/token", headers={**no_site, "Origin": here})
    assert allowed.status_code == 200


async def test_whoever_copied_the_cookie_gains_nothing_from_what_its_owner_proves(
    page: Page, person: Person, database: Database
) -> None:
    person.tokens = (await page.token()).json()
    await let_time_pass(database, minutes=6)
    assert (await step_up(person, password=PASSWORD)).status_code == 200

    person.tokens = (await page.token()).json()

    refused = await person.client.post("/v1/auth/logout-all", headers=person.headers)
    assert problem(refused) == (401, "insufficient_user_authentication")


async def test_a_token_sent_twice_is_refused(page: Page) -> None:
    headers = [*page.headers.items(), ("X-CSRF-Token", page.session["csrf_token"])]
    answer = await page.client.post(f"{PATH}/token", headers=headers)
    assert problem(answer) == (400, "repeated_header"), "refused before anybody looks at it"


async def test_logging_out_twice_is_logging_out(page: Page) -> None:
    for _ in range(2):
        answer = await page.client.delete(PATH, headers=page.headers)
        assert answer.status_code == 204
        assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert problem(await page.token()) == (401, "browser_session_required")
    gone = await page.client.get(PATH, headers={"Cookie": page.cookie})
    assert problem(gone) == (401, "browser_session_required")


async def test_logging_in_again_replaces_the_login_of_this_browser(
    page: Page, person: Person
) -> None:
    answer = await log_in(person, **HERE, Cookie=page.cookie)
    again = Page(person.client, answer)
    assert again.cookie != page.cookie
    assert problem(await page.token()) == (401, "browser_session_required")
    token = (await again.token()).json()["access_token"]
    listed = await page.client.get("/v1/sessions", headers={"Authorization": f"Bearer {token}"})
    assert len(listed.json()["items"]) == 1


async def test_a_session_ends_when_idle_or_old_and_use_keeps_it(
    page: Page, database: Database, redis_url: str
) -> None:
    for _ in range(4):
        await let_time_pass(database, days=6)
        await flush(redis_url)
        assert (await page.token()).status_code == 200
    await let_time_pass(database, days=6, minutes=1)
    assert problem(await page.token()) == (401, "browser_session_required")


async def test_an_idle_week_ends_it(page: Page, database: Database) -> None:
    await let_time_pass(database, days=7)
    assert problem(await page.token()) == (401, "browser_session_required")

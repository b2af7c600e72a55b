"""Pages: for everybody, without a script, and for forms that we made and this browser was given."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
from sqlalchemy import select

from libs.database.session import Database
from services.auth.models import RefreshFamily
from services.auth.routes.oauth.html import STYLE
from services.auth.service.minting import hash_of
from tests.auth.conftest import PASSWORD, Person, StartAuth, register
from tests.auth.oauth.application import Application, answer_in
from tests.auth.oauth.browser import COOKIE, Browser
from tests.auth.oauth.test_tokens import tokens_for


def is_plain(page: httpx.Response) -> bool:
    policy = page.headers["Content-Security-Policy"]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; base-uri 'none'; "
        r"form-action 'self'( https://shop\.example)?; frame-ancestors 'none'",
        policy,
    )
    html = page.text
    assert '<html lang="en">' in html
    assert html.count("<h1>") == 1
    assert not re.search(r"<script|\son\w+=|\sstyle=|javascript:", html)
    fields = re.findall(r'<input id="(\w+)"', html)
    assert fields == re.findall(r'<label for="(\w+)"', html)
    return STYLE in html


async def test_pages_are_plain_and_let_nothing_else_in(
    shop: Application, browser: Browser, person: Person
) -> None:
    login = await browser.open(shop.address())
    assert is_plain(login)
    assert 'autocomplete="username"' in login.text
    assert 'autocomplete="current-password"' in login.text
    await browser.submit(email=person.email, password=PASSWORD)
    assert is_plain(await browser.open(shop.address(prompt="consent")))
    assert is_plain(await browser.open("/logout"))
    assert is_plain(await browser.open("/oauth2/authorize"))


async def test_the_cookie_is_out_of_reach(
    shop: Application, browser: Browser, person: Person, database: Database
) -> None:
    page = await browser.open(shop.address())
    planted = browser.cookie
    assert page.headers["Set-Cookie"] == (
        f"{COOKIE}={planted}; HttpOnly; Path=/; SameSite=lax; Secure"
    )
    answer = await browser.submit(email=person.email, password=PASSWORD)

    assert "Max-Age=2592000" in answer.headers["Set-Cookie"]
    assert browser.cookie != planted, "a cookie from before the login must not become the session"
    async with database.transaction() as session:
        kept = await session.scalar(
            select(RefreshFamily.cookie_hash).where(RefreshFamily.cookie_hash.is_not(None))
        )
    assert kept == hash_of(browser.cookie or "")


async def test_a_form_needs_the_cookie_it_was_made_for(
    shop: Application, browser: Browser, person: Person
) -> None:
    await browser.open(shop.address())
    stranger = Browser(browser.http)
    await stranger.open(shop.address())
    mine = {"email": person.email, "password": PASSWORD}
    attempts: dict[str, tuple[str | None, dict[str, str], dict[str, str]]] = {
        "another browser's": (stranger.cookie, {}, {}),
        "no cookie": (None, {}, {}),
        "no token": (browser.cookie, {"csrf": ""}, {}),
        "another token": (browser.cookie, {"csrf": "x" * 43}, {}),
        "another site": (browser.cookie, {}, {"Sec-Fetch-Site": "cross-site"}),
        "a sibling site": (browser.cookie, {}, {"Sec-Fetch-Site": "same-site"}),
    }
    page = browser.page
    for name, (cookie, fields, headers) in attempts.items():
        forger = Browser(browser.http, cookie, {**browser.headers, **headers}, page)
        answer = await forger.submit(**{**mine, **fields})
        assert answer.status_code == 400, name
        assert "can no longer be used" in answer.text
        assert "Set-Cookie" not in answer.headers
    assert "code" in answer_in(await browser.submit(**mine))


async def test_a_wrong_password_shows_the_form_again_and_keeps_the_address(
    shop: Application, browser: Browser, person: Person
) -> None:
    await browser.open(shop.address())
    known = await browser.submit(email=person.email, password="wrong")
    assert known.status_code == 401
    assert 'role="alert"' in known.text
    assert 'aria-describedby="problem"' in known.text
    assert f'value="{person.email}"' in known.text
    assert "wrong" not in re.sub("E-mail address or password is wrong", "", known.text)
    unknown = await browser.submit(email="nobody@example.com", password="wrong")
    long = await browser.submit(email=person.email, password="x" * 1_000)
    assert [unknown.status_code, long.status_code] == [401, 401]
    assert "code" in answer_in(
        await browser.submit(email=f" {person.email.upper()} ", password=PASSWORD)
    )


async def test_what_is_typed_comes_back_as_text(browser: Browser) -> None:
    await browser.open("/login")
    page = await browser.submit(email='"><script>alert(1)</script>', password="x")
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_too_many_attempts_show_the_form_again(start_auth: StartAuth) -> None:
    client = await start_auth(login_attempts_per_address=1)
    browser = Browser(client)
    await browser.open("/login")
    await browser.submit(email="nobody@example.com", password="x")
    page = await browser.submit(email="nobody@example.com", password="x")
    assert (page.status_code, "Retry-After" in page.headers) == (429, True)
    assert 'role="alert"' in page.text


async def test_a_ticket_is_ours_or_nothing(shop: Application, logged_in: Browser) -> None:
    page = await logged_in.open(shop.address(prompt="login"))
    ticket = parse_qs(urlsplit(str(page.request.url)).query)["request"][0]
    logout = await logged_in.get("/oauth2/logout")
    other = parse_qs(urlsplit(logout.headers["Location"]).query)["request"][0]
    changed = ("A" if ticket[0] != "A" else "B") + ticket[1:]
    for wrong in ("x", ticket[:-2], changed, other, "%C3%BC", ticket + "=" * 3, "A" * 7_000):
        for path in ("/login", "/consent"):
            response = await logged_in.get(f"{path}?request={wrong}")
            assert response.status_code == 400, wrong
    assert (await logged_in.get(f"/logout?request={ticket}")).status_code == 400


async def test_whoever_logs_in_without_an_application_sees_who_they_are(
    logged_in: Browser, person: Person
) -> None:
    page = await logged_in.open("/login")
    assert page.request.url.path == "/logout"
    assert person.email in page.text
    gone = await logged_in.submit()
    assert "You are logged out" in gone.text
    assert logged_in.cookie is None
    assert (await logged_in.open("/login")).request.url.path == "/login"


async def test_logging_out_ends_what_the_browser_started_and_not_what_was_meant_to_last(
    shop: Application, logged_in: Browser
) -> None:
    online = await tokens_for(shop, logged_in, scope="openid")
    offline = await tokens_for(shop, logged_in, scope="openid offline_access")
    await logged_in.open("/logout")
    await logged_in.submit()

    assert (await shop.refresh(online["refresh_token"])).status_code == 400
    assert (await shop.refresh(offline["refresh_token"])).status_code == 200


async def test_an_application_may_log_its_own_user_out(
    shop: Application, logged_in: Browser, person: Person
) -> None:
    hint = (await tokens_for(shop, logged_in))["id_token"]
    back = "post_logout_redirect_uri=https%3A%2F%2Fshop.example%2Fbye&state=s%201"
    response = await logged_in.get(f"/oauth2/logout?id_token_hint={hint}&{back}")

    assert response.headers["Location"] == "https://shop.example/bye?state=s+1"
    assert logged_in.cookie is None
    assert (await logged_in.open(shop.address())).request.url.path == "/login"
    await logged_in.submit(email=person.email, password=PASSWORD)
    other = await register(shop.http)
    await logged_in.open(shop.address(prompt="login"))
    await logged_in.submit(email=other.email, password=PASSWORD)
    asked = await logged_in.open(f"/oauth2/logout?id_token_hint={hint}&{back}")
    assert asked.request.url.path == "/logout"
    assert "form-action 'self' https://shop.example;" in asked.headers["Content-Security-Policy"]
    assert (await logged_in.submit()).headers["Location"] == "https://shop.example/bye?state=s+1"


async def test_logging_out_leads_to_no_address_that_is_not_registered(
    shop: Application, logged_in: Browser
) -> None:
    hint = (await tokens_for(shop, logged_in))["id_token"]
    bye = "https://shop.example/bye"
    for query in (
        f"post_logout_redirect_uri={bye}",
        f"client_id=nobody&post_logout_redirect_uri={bye}",
        f"client_id=other&id_token_hint={hint}&post_logout_redirect_uri={bye}",
        "client_id=shop-web&post_logout_redirect_uri=https://evil.example/bye",
        "client_id=shop-web&post_logout_redirect_uri=https://shop.example/callback",
        f"client_id=shop-web&post_logout_redirect_uri={bye}&post_logout_redirect_uri={bye}",
        f"id_token_hint=e30.e30.e30&post_logout_redirect_uri={bye}",
    ):
        response = await logged_in.get(f"/oauth2/logout?{query}")
        assert (response.status_code, response.headers.get("Location")) == (400, None), query
    form = await logged_in.post("/oauth2/logout", {"client_id": "shop-web"})
    asked = await logged_in.open(form.headers["Location"])
    assert asked.request.url.path == "/logout"

"""A second factor on the login page and in the storefront's login, and what applications learn of it."""

import httpx
import pytest

from libs.database.session import Database
from libs.testing.waiting import FrozenClock
from tests.auth.conftest import PASSWORD, Person
from tests.auth.factors import enrol_app
from tests.auth.oauth.application import Application, answer_in
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication
from tests.auth.oauth.test_tokens import claims_of
from tests.auth.sessions import problem
from tests.auth.staff import promoted

MFA = "urn:meridian:acr:mfa"


@pytest.fixture
async def recovery_codes(ada: Person, code_clock: FrozenClock) -> list[str]:
    """Codes of Ada, who has an authenticator app from now on."""
    _, codes = await enrol_app(ada, code_clock)
    return codes


async def test_the_page_asks_for_the_second_factor_and_the_application_sees_it(
    shop: Application, browser: Browser, ada: Person, recovery_codes: list[str]
) -> None:
    await browser.open(shop.address(acr_values=MFA))
    page = await browser.submit(email=ada.email, password=PASSWORD)
    assert (page.status_code, page.request.url.path) == (200, "/login")
    assert 'autocomplete="one-time-code"' in page.text
    for wrong in ({"code": "000000"}, {"recovery_code": "x" * 20}, {}, {"code": "0" * 90}):
        again = await browser.submit(**wrong)
        assert again.status_code == 401
        assert 'role="alert"' in again.text

    answer = answer_in(await browser.submit(recovery_code=recovery_codes[0]))
    tokens = (await shop.redeem(answer["code"])).json()
    assert claims_of(tokens["id_token"])["acr"] == MFA
    assert claims_of(tokens["access_token"])["acr"] == MFA
    assert "code" in answer_in(await browser.open(shop.address(acr_values=MFA, prompt="none")))


async def test_an_application_of_staff_asks_for_the_second_factor_it_is_told_to_ask_for(
    application: RegisterApplication,
    browser: Browser,
    ada: Person,
    database: Database,
    code_clock: FrozenClock,
) -> None:
    backoffice = await application("backoffice", scopes=["openid", "identity:admin"])
    scope, ada = "openid identity:admin", await promoted(ada, database)
    await browser.open(backoffice.address(scope=scope))
    weak = answer_in(await browser.submit(email=ada.email, password=PASSWORD))
    refused = await list_clients(ada, await backoffice.redeem(weak["code"]))
    assert problem(refused) == (401, "staff_second_factor_required")
    assert f'acr_values="{MFA}"' in refused.headers["WWW-Authenticate"]
    _, codes = await enrol_app(ada, code_clock)

    await browser.open(backoffice.address(scope=scope, acr_values=MFA))
    await browser.submit(email=ada.email, password=PASSWORD)
    strong = answer_in(await browser.submit(recovery_code=codes[0]))

    listed = await list_clients(ada, await backoffice.redeem(strong["code"]))
    assert listed.status_code == 200


async def list_clients(person: Person, tokens: httpx.Response) -> httpx.Response:
    headers = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
    return await person.client.get("/v1/oauth-clients", headers=headers)


async def test_a_second_step_that_nobody_began_starts_over(
    shop: Application, browser: Browser, ada: Person, recovery_codes: list[str]
) -> None:
    await browser.open(shop.address())
    await browser.submit(email=ada.email, password=PASSWORD)
    page = await browser.submit(mfa_token="x" * 43, recovery_code=recovery_codes[0])
    assert page.status_code == 401
    assert 'name="password"' in page.text


async def test_the_storefronts_login_asks_for_it_too(
    client: httpx.AsyncClient, ada: Person, recovery_codes: list[str]
) -> None:
    here = {"Sec-Fetch-Site": "same-origin"}
    login = {"email": ada.email, "password": PASSWORD}
    asked = await client.post("/v1/auth/browser-session", json=login, headers=here)
    assert problem(asked) == (401, "mfa_required")
    assert "Set-Cookie" not in asked.headers

    proof = {"mfa_token": asked.json()["mfa_token"], "recovery_code": recovery_codes[0]}
    path = "/v1/auth/browser-session/mfa"
    elsewhere = await client.post(path, json=proof, headers={"Sec-Fetch-Site": "cross-site"})
    assert problem(elsewhere) == (403, "cross_site_request")
    done = await client.post(path, json=proof, headers=here)
    assert done.status_code == 200, done.text
    assert done.headers["Set-Cookie"].startswith("__Host-meridian_session=")

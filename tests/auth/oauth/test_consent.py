"""Consent: asked once per person, client and scope, in words, and never of our own applications."""

import pytest
from sqlalchemy import func, select

from libs.database.session import Database
from services.auth.models import Consent
from tests.auth.conftest import Person
from tests.auth.oauth.application import Application, answer_in
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication


async def test_somebody_elses_application_is_allowed_first(
    partner: Application, logged_in: Browser, person: Person
) -> None:
    page = await logged_in.open(partner.address(scope="openid orders:read"))

    assert (page.status_code, page.request.url.path) == (200, "/consent")
    assert "The &lt;Shop&gt;" in page.text
    assert "<Shop>" not in page.text
    assert "See your orders" in page.text
    assert person.email in page.text
    assert "form-action 'self' https://shop.example;" in page.headers["Content-Security-Policy"]
    assert "code" in answer_in(await logged_in.submit(decision="allow"))


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("openid orders:read", "until you log out here, and for thirty days at most"),
        ("openid offline_access", "for thirty days at most, also after you have logged out"),
    ],
)
async def test_the_page_says_for_how_long(
    partner: Application, logged_in: Browser, scope: str, words: str
) -> None:
    assert words in (await logged_in.open(partner.address(scope=scope))).text


async def test_who_does_not_allow_it_sends_the_application_away(
    partner: Application, logged_in: Browser, database: Database
) -> None:
    await logged_in.open(partner.address())
    answer = answer_in(await logged_in.submit(decision="deny"))

    assert (answer["error"], answer["state"]) == ("access_denied", "a state")
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Consent)) == 0


async def test_what_was_allowed_is_not_asked_again_and_more_is(
    partner: Application, logged_in: Browser
) -> None:
    await logged_in.open(partner.address(scope="openid profile"))
    await logged_in.submit(decision="allow")

    assert "code" in answer_in(await logged_in.open(partner.address(scope="openid profile")))
    assert "code" in answer_in(await logged_in.open(partner.address(scope="openid")))
    page = await logged_in.open(partner.address(scope="openid orders:read"))
    assert page.request.url.path == "/consent"


async def test_consent_that_is_demanded_is_asked_again(
    partner: Application, shop: Application, logged_in: Browser
) -> None:
    for application in (partner, shop):
        for _ in range(2):
            page = await logged_in.open(application.address(prompt="consent"))
            assert page.request.url.path == "/consent"
            assert "code" in answer_in(await logged_in.submit(decision="allow"))


async def test_a_silent_request_is_not_allowed_silently(
    partner: Application, logged_in: Browser
) -> None:
    answer = answer_in(await logged_in.open(partner.address(prompt="none")))
    assert answer["error"] == "consent_required"


async def test_a_page_opened_late_goes_on_where_things_stand(
    partner: Application, logged_in: Browser
) -> None:
    page = await logged_in.open(partner.address())
    address = str(page.request.url)
    await logged_in.submit(decision="allow")

    assert "code" in answer_in(await logged_in.get(address))
    logged_in.cookie = None
    assert (await logged_in.get(address)).headers["Location"].startswith("/login?request=")


async def test_nobody_can_allow_more_than_they_have(
    application: RegisterApplication, logged_in: Browser
) -> None:
    staff = await application("back-office", scopes=["openid", "orders:read", "orders:admin"])
    code = answer_in(await logged_in.open(staff.address(scope="openid orders:read orders:admin")))
    tokens = (await staff.redeem(code["code"])).json()
    assert tokens["scope"] == "openid orders:read"

"""A code that is being redeemed while the login it came from ends begins nothing that lives on."""

from sqlalchemy import func, update

from libs.database.session import Database
from services.auth.models import RefreshFamily
from tests.auth.conftest import Person
from tests.auth.oauth.application import Application
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.test_tokens import CODE_ERROR, code_for, refusal
from tests.auth.races import begin_for_client, held
from tests.auth.sessions import live_sessions


async def test_a_code_waits_for_what_ends_its_login_and_is_refused(
    shop: Application, logged_in: Browser, person: Person, database: Database
) -> None:
    code = await code_for(shop, logged_in)
    async with held(database, person.user_id) as (session, send):
        redeemed = await send(shop.redeem(code))
        await session.execute(update(RefreshFamily).values(revoked_at=func.now()))
    assert refusal(await redeemed) == CODE_ERROR


async def test_logging_the_browser_out_ends_a_session_that_was_beginning(
    logged_in: Browser, person: Person, database: Database
) -> None:
    await logged_in.open("/logout")
    async with held(database, person.user_id) as (session, send):
        left = await send(logged_in.submit())
        await begin_for_client(session, person)
    assert (await left).status_code == 200
    assert await live_sessions(database) == 0

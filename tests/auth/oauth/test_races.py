"""What is on its way to an application while its login, its consent or itself ends begins nothing that lives on."""

import pytest
from sqlalchemy import delete, func, select, update

from libs.audit.log import SYSTEM
from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore
from libs.clock import SystemClock
from libs.database.session import Database
from libs.testing.servers import REDIS_PATIENCE
from libs.testing.tokens import AUDIENCE
from services.auth.models import Consent, RefreshFamily
from services.auth.service.oauth.clients import Clients
from tests.auth.conftest import Person
from tests.auth.oauth.application import Application, answer_in
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication
from tests.auth.oauth.test_tokens import CODE_ERROR, code_for, refusal
from tests.auth.races import (
    before_the_record_is_written,
    begin_for_client,
    held,
    rows_held,
)
from tests.auth.sessions import live_sessions


async def switch_off(application: Application, database: Database, redis_url: str) -> None:
    """Disable an application, as staff do."""
    redis = open_redis(redis_url, REDIS_PATIENCE)
    clients = Clients(database, SystemClock(), AUDIENCE)
    await clients.disable(application.client_id, SessionStore(redis), SYSTEM)
    await redis.aclose()


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


async def test_a_login_under_way_while_its_consent_is_taken_back_gets_no_code(
    partner: Application, logged_in: Browser, person: Person, database: Database
) -> None:
    await logged_in.open(partner.address())
    await logged_in.submit(decision="allow")
    async with held(database, person.user_id) as (session, send):
        login = await send(logged_in.get(partner.address()))
        await session.execute(delete(Consent))
    assert answer_in(await login)["error"] == "access_denied"


async def test_taking_a_consent_back_ends_a_session_that_was_beginning(
    partner: Application, person: Person, database: Database
) -> None:
    ada = await person.log_in()
    async with held(database, person.user_id) as (session, send):
        taken = await send(
            ada.client.delete(f"/v1/oauth-consents/{partner.client_id}", headers=ada.headers)
        )
        await begin_for_client(session, ada, partner.client_id)
    assert (await taken).status_code == 204
    assert await live_sessions(database) == 1, "the one it was taken back in"


async def test_a_code_that_is_redeemed_while_its_client_is_switched_off_is_refused(
    shop: Application, logged_in: Browser, person: Person, database: Database, redis_url: str
) -> None:
    code = await code_for(shop, logged_in)
    async with held(database, person.user_id) as (_, send):
        redeemed = await send(shop.redeem(code))
        await switch_off(shop, database, redis_url)
    assert refusal(await redeemed) == CODE_ERROR
    assert await live_sessions(database) == 1, "the browser's"


async def test_switching_a_client_off_ends_a_session_that_was_beginning(
    shop: Application, logged_in: Browser, database: Database, redis_url: str
) -> None:
    code = await code_for(shop, logged_in)
    # The session that begins names its login, and waits for whoever holds that row.
    async with rows_held(database, select(RefreshFamily.id)) as (_, send):
        redeemed = await send(shop.redeem(code))
        off = await send(switch_off(shop, database, redis_url))
    assert (await redeemed).status_code == 200
    await off
    assert await live_sessions(database) == 1, "the browser's"


async def test_a_client_that_is_switched_off_meanwhile_gets_no_token_of_its_own(
    application: RegisterApplication,
    database: Database,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    robot = await application(
        "robot", scopes=["stock:write"], grants=["client_credentials"], redirect_uris=[]
    )

    async def happens() -> None:
        await switch_off(robot, database, redis_url)

    before_the_record_is_written(monkeypatch, happens)
    grant = await robot.post("/oauth2/token", {"grant_type": "client_credentials"})
    assert refusal(grant) == (401, "invalid_client")
    redis = open_redis(redis_url, REDIS_PATIENCE)
    assert await SessionStore(redis).list_for(robot.client_id) == []
    await redis.aclose()

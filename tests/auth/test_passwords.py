"""Passwords changed, forgotten and reset."""

import asyncio

import httpx
import pytest
from sqlalchemy import func, select, update

from libs.database.session import Database
from libs.testing.authenticator import Device
from libs.testing.waiting import FrozenClock
from services.auth.models import Identity, MailRequest, RefreshFamily
from tests.auth.conftest import PASSWORD, Person, StartAuth, log_in, register
from tests.auth.factors import enrol_app, enrol_device, mfa_token
from tests.auth.mails import ServiceToken, changes, mint, told
from tests.auth.sessions import is_recorded, let_time_pass, problem

NEW = "seven purple donkeys sing"
RESET_REQUESTED = "identity.password_reset_requested.v1"


async def forget(
    client: httpx.AsyncClient, email: str, address: str = "198.51.100.1"
) -> httpx.Response:
    return await client.post(
        "/v1/auth/password/forgot", json={"email": email}, headers={"X-Forwarded-For": address}
    )


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW) -> httpx.Response:
    body = {"token": token, "password": password}
    return await client.post("/v1/auth/password/reset", json=body)


async def token_for(person: Person, service_token: ServiceToken, database: Database) -> str:
    """Say that the password is lost and read the mail."""
    assert (await forget(person.client, person.email)).status_code == 202
    request_id = (await told(database, RESET_REQUESTED))[-1]["request_id"]
    minted = await mint(person.client, service_token("user", "auth"), request_id)
    assert (minted.json()["purpose"], minted.json()["expires_in"]) == ("reset_password", 600)
    token: str = minted.json()["token"]
    return token


async def prove_address(person: Person, service_token: ServiceToken, database: Database) -> None:
    """Answer the mail that registering sends."""
    request_id = (await told(database, "identity.email_verification_requested.v1"))[-1][
        "request_id"
    ]
    minted = await mint(person.client, service_token("user", "auth"), request_id)
    body = {"token": minted.json()["token"]}
    proved = await person.client.post("/v1/auth/email/verify", json=body)
    assert proved.status_code == 204, proved.text


async def test_forgetting_a_password_reads_alike_for_everybody(
    ada: Person, database: Database
) -> None:
    known, unknown = [
        await forget(ada.client, email) for email in (ada.email, "nobody@example.com")
    ]
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert known.headers.keys() == unknown.headers.keys()
    assert len(await told(database, RESET_REQUESTED)) == 1
    async with database.transaction() as session:
        purposes = select(func.count()).where(MailRequest.purpose == "reset_password")
        assert await session.scalar(purposes) == 2, "both leave the same trace"


async def test_mails_are_limited_by_address_alike_for_everybody(start_auth: StartAuth) -> None:
    client = await start_auth(mails_per_account=2)
    person = await register(client)
    for email in (person.email, "nobody@example.com"):
        codes = [(await forget(client, email)).status_code for _ in range(3)]
        assert codes == [202, 202, 429]


async def test_strangers_wishes_keep_no_owner_from_a_reset_and_fill_no_mailbox(
    start_auth: StartAuth, service_token: ServiceToken, database: Database
) -> None:
    client = await start_auth(mails_per_account=2)
    person = await register(client)
    codes = [
        [(await forget(client, person.email, f"203.0.113.{network}")).status_code for _ in range(3)]
        for network in range(5)
    ]
    assert codes == [[202, 202, 429]] * 5

    owners = await forget(client, person.email, "198.51.100.9")

    assert owners.status_code == 202
    wishes = await told(database, RESET_REQUESTED)
    assert len(wishes) == 2
    token = await mint(client, service_token("user", "auth"), wishes[-1]["request_id"])
    assert (await reset(client, token.json()["token"])).status_code == 204


async def test_a_reset_replaces_the_password_and_ends_every_session(
    ada: Person, service_token: ServiceToken, database: Database, redis_url: str
) -> None:
    token = await token_for(ada, service_token, database)

    assert (await reset(ada.client, token)).status_code == 204

    assert not await is_recorded(redis_url, ada)
    assert problem(await ada.refresh()) == (401, "invalid_refresh_token")
    assert (await log_in(ada.client, ada.email, PASSWORD)).status_code == 401
    assert (await log_in(ada.client, ada.email, NEW)).status_code == 200
    assert await changes(database) == ["password_changed"]
    async with database.transaction() as session:
        assert await session.scalar(select(Identity.email_verified_at)) is not None


async def test_a_reset_token_works_once(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    token = await token_for(ada, service_token, database)
    answers = await asyncio.gather(*(reset(ada.client, token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 400, 400, 400]
    assert problem(await reset(ada.client, token)) == (400, "invalid_mail_token")


async def test_only_the_newest_token_of_a_mail_works_and_a_reset_ends_all_others(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    older = await token_for(ada, service_token, database)
    newer = await token_for(ada, service_token, database)
    assert (await reset(ada.client, newer)).status_code == 204
    assert problem(await reset(ada.client, older)) == (400, "invalid_mail_token")


async def test_a_reset_token_is_good_for_ten_minutes(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    token = await token_for(ada, service_token, database)
    async with database.transaction() as session:
        await session.execute(update(MailRequest).values(token_expires_at=func.now()))
    assert problem(await reset(ada.client, token)) == (400, "invalid_mail_token")


async def test_a_token_for_something_else_resets_nothing(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    (event,) = await told(database, "identity.email_verification_requested.v1")
    minted = await mint(ada.client, service_token("user", "auth"), event["request_id"])
    assert problem(await reset(ada.client, minted.json()["token"])) == (400, "invalid_mail_token")


async def test_an_unfit_password_uses_no_token_up(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    token = await token_for(ada, service_token, database)
    assert problem(await reset(ada.client, token, "responsibilities"))[0] == 422
    assert (await reset(ada.client, token)).status_code == 204


async def test_a_reset_does_not_get_around_the_second_factor(
    ada: Person, service_token: ServiceToken, database: Database, code_clock: FrozenClock
) -> None:
    await prove_address(ada, service_token, database)
    await enrol_app(ada, code_clock)
    begun = await mfa_token(ada)
    token = await token_for(ada, service_token, database)
    assert (await reset(ada.client, token)).status_code == 204

    refused = await log_in(ada.client, ada.email, NEW)

    assert problem(refused) == (401, "mfa_required")
    late = {"mfa_token": begun, "recovery_code": "x"}
    ended = await ada.client.post("/v1/auth/login/mfa", json=late)
    assert problem(ended) == (401, "invalid_mfa_token"), "begun with the old password"


@pytest.mark.parametrize("proved", [True, False])
async def test_a_reset_takes_off_what_was_added_before_the_address_was_proved(
    ada: Person,
    service_token: ServiceToken,
    database: Database,
    code_clock: FrozenClock,
    *,
    proved: bool,
) -> None:
    await enrol_device(ada, Device())
    await enrol_app(ada, code_clock)
    if proved:
        await prove_address(ada, service_token, database)

    token = await token_for(ada, service_token, database)
    assert (await reset(ada.client, token)).status_code == 204

    assert (await log_in(ada.client, ada.email, NEW)).status_code == 200
    assert (await changes(database))[-3:] == [
        "early_factors_removed",
        "mfa_disabled",
        "password_changed",
    ]


async def test_no_reset_takes_off_the_second_factor_of_staff(
    ada: Person, service_token: ServiceToken, database: Database, code_clock: FrozenClock
) -> None:
    await enrol_app(ada, code_clock)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(roles=["customer", "admin"]))
    token = await token_for(ada, service_token, database)
    assert (await reset(ada.client, token)).status_code == 204
    assert problem(await log_in(ada.client, ada.email, NEW)) == (401, "mfa_required")


async def test_nobody_resets_a_locked_account(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    token = await token_for(ada, service_token, database)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(status="disabled"))
    assert problem(await reset(ada.client, token)) == (400, "invalid_mail_token")


async def test_a_changed_password_ends_the_other_sessions(
    ada: Person, database: Database, redis_url: str
) -> None:
    elsewhere = await ada.log_in()
    body = {"password": NEW}

    response = await ada.client.post("/v1/auth/password/change", json=body, headers=ada.headers)

    assert response.status_code == 204, response.text
    assert (await ada.refresh()).status_code == 200
    assert not await is_recorded(redis_url, elsewhere)
    assert problem(await elsewhere.refresh()) == (401, "invalid_refresh_token")
    assert (await log_in(ada.client, ada.email, NEW)).status_code == 200
    assert await changes(database) == ["password_changed"]


async def test_a_password_is_changed_only_by_whoever_has_just_proved_it(
    ada: Person, database: Database
) -> None:
    await let_time_pass(database, minutes=6)
    ada.tokens = (await ada.refresh()).json()
    refused = await ada.client.post(
        "/v1/auth/password/change", json={"password": NEW}, headers=ada.headers
    )
    assert problem(refused) == (401, "insufficient_user_authentication")
    async with database.transaction() as session:
        assert await session.scalar(select(RefreshFamily.revoked_at)) is None

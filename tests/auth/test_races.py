"""What changes an account, or ends its sessions, leaves nothing open that was on its way meanwhile."""

import pytest
from argon2 import PasswordHasher
from sqlalchemy import delete, update

from libs.database.session import Database
from services.auth.models import Challenge, Identity
from tests.auth.authenticator import Device
from tests.auth.conftest import PASSWORD, Person, log_in
from tests.auth.factors import enrol_app, enrol_device, finish, log_in_with, mfa_token
from tests.auth.races import begin_for_client, held, while_the_password_is_checked
from tests.auth.sessions import live_sessions, problem

STRONG = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
WEAK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


async def set_account(database: Database, **values: object) -> None:
    async with database.transaction() as session:
        await session.execute(update(Identity).values(**values))


@pytest.mark.parametrize(
    "change",
    [
        {"password_hash": WEAK.hash("seven purple donkeys sing")},
        {"second_factor": True},
        {"status": "disabled"},
        {"roles": ["customer", "admin"]},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_password_right_before_the_account_changed_opens_nothing(
    ada: Person, database: Database, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    async def happens() -> None:
        await set_account(database, **change)

    while_the_password_is_checked(monkeypatch, happens)
    refused = await log_in(ada.client, ada.email)

    assert problem(refused) == (401, "invalid_credentials")
    assert await live_sessions(database) == 1, "the one she had"


async def test_a_second_step_asked_for_before_the_password_changed_is_not_begun(
    ada: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrol_app(ada, database)

    async def happens() -> None:
        await set_account(database, password_hash=WEAK.hash("seven purple donkeys sing"))

    while_the_password_is_checked(monkeypatch, happens)
    refused = await log_in(ada.client, ada.email)

    assert problem(refused) == (401, "invalid_credentials")


async def test_the_same_password_under_newer_parameters_is_no_change(
    ada: Person, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two logins at once that renew an old hash, the slower one finds that of the other."""
    await set_account(database, password_hash=WEAK.hash(PASSWORD))

    async def happens() -> None:
        await set_account(database, password_hash=STRONG.hash(PASSWORD))

    while_the_password_is_checked(monkeypatch, happens)
    assert (await log_in(ada.client, ada.email)).status_code == 200


async def test_a_second_step_waits_for_what_changes_the_account_and_is_refused(
    ada: Person, database: Database
) -> None:
    app, _ = await enrol_app(ada, database)
    token = await mfa_token(ada)
    async with held(database, ada.user_id) as (session, send):
        step = await send(finish(ada.client, token, totp=app.code()))
        await session.execute(delete(Challenge))  # as a password reset does
    assert problem(await step) == (401, "invalid_mfa_token")
    assert await live_sessions(database) == 1, "the one she had"


async def test_a_passkey_waits_for_what_changes_the_account_and_is_refused(
    ada: Person, database: Database
) -> None:
    device = Device()
    assert (await enrol_device(ada, device)).status_code == 201
    async with held(database, ada.user_id) as (session, send):
        login = await send(log_in_with(device, ada.client))
        await session.execute(update(Identity).values(status="disabled"))
    assert problem(await login) == (401, "wrong_proof")
    assert await live_sessions(database) == 1, "the one she had"


async def test_ending_all_sessions_ends_one_that_was_beginning(
    ada: Person, database: Database
) -> None:
    async with held(database, ada.user_id) as (session, send):
        ended = await send(ada.client.post("/v1/auth/logout-all", headers=ada.headers))
        await begin_for_client(session, ada)
    assert (await ended).status_code == 204
    assert await live_sessions(database) == 0


async def test_a_changed_password_ends_a_session_that_was_beginning(
    ada: Person, database: Database
) -> None:
    body = {"password": "seven purple donkeys sing"}
    async with held(database, ada.user_id) as (session, send):
        changed = await send(
            ada.client.post("/v1/auth/password/change", json=body, headers=ada.headers)
        )
        await begin_for_client(session, ada)
    assert (await changed).status_code == 204
    assert await live_sessions(database) == 1, "the one it was changed in"

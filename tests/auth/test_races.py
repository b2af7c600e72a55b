"""What changes an account, or ends its sessions, leaves nothing open that was on its way meanwhile."""

from collections.abc import Awaitable, Callable

import pytest
from argon2 import PasswordHasher
from sqlalchemy import delete, func, update

from libs.database.session import Database
from libs.ids import new_id
from libs.testing.authenticator import Device
from libs.testing.waiting import FrozenClock
from services.auth.models import Challenge, Identity, Passkey, RefreshFamily
from services.auth.repository import SecondFactorRepository
from tests.auth.conftest import PASSWORD, Person, log_in
from tests.auth.factors import App, enrol_app, enrol_device, finish, log_in_with, mfa_token
from tests.auth.mails import changes, told
from tests.auth.races import (
    before_the_record_is_written,
    begin_for_client,
    held,
    while_the_password_is_checked,
)
from tests.auth.sessions import is_recorded, live_sessions, problem

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
    ada: Person, database: Database, code_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enrol_app(ada, code_clock)

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
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    app, _ = await enrol_app(ada, code_clock)
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


async def test_a_login_that_is_ended_before_its_record_is_written_leaves_none(
    ada: Person, database: Database, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def happens() -> None:
        await ada.client.post("/v1/auth/logout-all", headers=ada.headers)

    before_the_record_is_written(monkeypatch, happens)
    late = await ada.log_in()

    assert await live_sessions(database) == 0
    assert not await is_recorded(redis_url, late)


async def begin_app(ada: Person, _clock: FrozenClock) -> tuple[str, str, object]:
    return "POST", "/v1/auth/totp", None


async def confirm_app(ada: Person, clock: FrozenClock) -> tuple[str, str, object]:
    begun = await ada.client.post("/v1/auth/totp", headers=ada.headers)
    return "POST", "/v1/auth/totp/confirm", {"totp": App(begun.json()["secret"], clock).code()}


async def add_passkey(ada: Person, _clock: FrozenClock) -> tuple[str, str, object]:
    options = await ada.client.post("/v1/auth/passkeys/options", headers=ada.headers)
    credential = Device().make(options.json()["public_key"])
    return "POST", "/v1/auth/passkeys", {"name": "Mallory's", "credential": credential}


async def change_email(ada: Person, _clock: FrozenClock) -> tuple[str, str, object]:
    return "POST", "/v1/auth/email/change", {"email": "mallory@example.com"}


async def change_password(ada: Person, _clock: FrozenClock) -> tuple[str, str, object]:
    return "POST", "/v1/auth/password/change", {"password": "seven purple donkeys sing"}


async def step_up(ada: Person, _clock: FrozenClock) -> tuple[str, str, object]:
    return "POST", "/v1/auth/step-up", {"password": PASSWORD}


@pytest.mark.parametrize(
    "wish", [begin_app, confirm_app, add_passkey, change_email, change_password, step_up]
)
async def test_a_session_that_ends_meanwhile_changes_nothing_any_more(
    ada: Person,
    database: Database,
    code_clock: FrozenClock,
    wish: Callable[[Person, FrozenClock], Awaitable[tuple[str, str, object]]],
) -> None:
    method, path, body = await wish(ada, code_clock)
    async with held(database, ada.user_id) as (session, send):
        late = await send(ada.client.request(method, path, json=body, headers=ada.headers))
        await session.execute(update(RefreshFamily).values(revoked_at=func.now()))
    assert problem(await late) == (401, "session_ended")
    assert await changes(database) == []
    assert await told(database, "identity.email_change_requested.v1") == []
    await ada.log_in()


async def test_taking_the_app_off_waits_for_a_passkey_that_is_being_added(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    await enrol_app(ada, code_clock)
    ada.tokens = (await ada.refresh()).json()
    passkey = Passkey(
        id=new_id("pky"),
        user_id=ada.user_id,
        credential_id=b"credential",
        public_key=b"key",
        sign_count=0,
        name="Ada's phone",
        transports=[],
        backed_up=False,
    )
    async with held(database, ada.user_id) as (session, send):
        removed = await send(ada.client.delete("/v1/auth/totp", headers=ada.headers))
        assert await SecondFactorRepository(session).add_passkey(passkey)
    assert (await removed).status_code == 204
    asked = await log_in(ada.client, ada.email)
    assert problem(asked) == (401, "mfa_required")
    assert asked.json()["methods"] == ["passkey", "recovery_code"]

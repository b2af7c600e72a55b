import asyncio

import pytest
from sqlalchemy import select, text, update

from libs.database.session import Database
from libs.security.principal import ACR_MFA
from libs.testing.waiting import FrozenClock
from services.auth.models import RecoveryCode, TotpAuthenticator
from services.auth.service.minting import hash_of
from tests.auth.conftest import PASSWORD, Person, StartAuth, register
from tests.auth.factors import (
    App,
    enrol_app,
    finish,
    mfa_token,
    step_up,
)
from tests.auth.mails import changes
from tests.auth.sessions import is_recorded, let_time_pass, problem
from tests.auth.test_login import claims_of


async def test_after_the_password_a_code_is_asked_for(ada: Person, code_clock: FrozenClock) -> None:
    app, _ = await enrol_app(ada, code_clock)

    refused = await ada.client.post(
        "/v1/auth/login", json={"email": ada.email, "password": PASSWORD}
    )
    assert problem(refused) == (401, "mfa_required")
    assert refused.json()["methods"] == ["totp", "recovery_code"]
    assert refused.headers["Cache-Control"] == "no-store"
    done = await finish(ada.client, refused.json()["mfa_token"], totp=app.code())

    assert done.status_code == 200, done.text
    claims = await claims_of(Person(ada.client, ada.email, ada.user_id, done.json()))
    assert claims["acr"] == ACR_MFA
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert claims["second_factor"] is True


async def test_turning_it_on_counts_as_a_proof_and_ends_other_sessions(
    ada: Person, database: Database, code_clock: FrozenClock, redis_url: str
) -> None:
    elsewhere = await ada.log_in()

    await enrol_app(ada, code_clock)

    assert problem(await elsewhere.refresh()) == (401, "invalid_refresh_token")
    assert not await is_recorded(redis_url, elsewhere)
    ada.tokens = (await ada.refresh()).json()
    assert (await claims_of(ada))["acr"] == ACR_MFA
    assert await changes(database) == ["totp_added", "mfa_enabled"]


async def test_an_app_counts_only_once_it_showed_a_code(
    ada: Person, code_clock: FrozenClock
) -> None:
    begun = (await ada.client.post("/v1/auth/totp", headers=ada.headers)).json()
    assert begun["uri"].startswith("otpauth://totp/Meridian:")

    wrong = await ada.client.post(
        "/v1/auth/totp/confirm",
        json={"totp": App(begun["secret"], code_clock).wrong()},
        headers=ada.headers,
    )

    assert problem(wrong) == (401, "wrong_proof")
    await ada.log_in()


async def test_a_code_opens_one_login_whoever_shows_it_again(
    ada: Person, code_clock: FrozenClock
) -> None:
    app, _ = await enrol_app(ada, code_clock)
    tokens = [await mfa_token(ada) for _ in range(4)]
    code = app.code()

    answers = await asyncio.gather(*(finish(ada.client, token, totp=code) for token in tokens))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


@pytest.mark.parametrize("steps", [-1, 1], ids=["the one before", "the one after"])
async def test_only_the_code_of_this_half_minute_works(
    ada: Person, code_clock: FrozenClock, steps: int
) -> None:
    app, _ = await enrol_app(ada, code_clock)
    other, token = app.code(steps), await mfa_token(ada)
    assert problem(await finish(ada.client, token, totp=other)) == (401, "wrong_proof")
    assert (await finish(ada.client, token, totp=app.code())).status_code == 200


async def test_no_code_works_again_when_the_clock_is_set_back(
    ada: Person, code_clock: FrozenClock
) -> None:
    app, _ = await enrol_app(ada, code_clock)
    assert (await finish(ada.client, await mfa_token(ada), totp=app.code())).status_code == 200
    code_clock.advance(seconds=-30)
    refused = await finish(ada.client, await mfa_token(ada), totp=app.code())
    assert problem(refused) == (401, "wrong_proof")


async def test_a_second_step_is_finished_once(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    app, _ = await enrol_app(ada, code_clock)
    token = await mfa_token(ada)
    assert (await finish(ada.client, token, totp=app.code())).status_code == 200
    assert problem(await finish(ada.client, token, totp=app.next())) == (401, "invalid_mfa_token")


async def test_five_wrong_codes_end_the_login(ada: Person, code_clock: FrozenClock) -> None:
    app, _ = await enrol_app(ada, code_clock)
    token = await mfa_token(ada)
    wrong = [problem(await finish(ada.client, token, totp=app.wrong())) for _ in range(5)]
    assert set(wrong) == {(401, "wrong_proof")}
    assert problem(await finish(ada.client, token, totp=app.code())) == (401, "invalid_mfa_token")


async def test_wrong_codes_are_limited_over_many_logins(
    start_auth: StartAuth, code_clock: FrozenClock
) -> None:
    client = await start_auth(login_failures_per_account=3)
    owner = await (await register(client)).log_in()
    app, _ = await enrol_app(owner, code_clock)
    answers = [
        problem(await finish(client, await mfa_token(owner), totp=app.wrong())) for _ in range(5)
    ]
    assert answers == [(401, "wrong_proof")] * 3 + [(429, "rate_limited")] * 2
    assert (await owner.refresh()).status_code == 200, "who is logged in stays so"


@pytest.mark.parametrize(
    "code", ["12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16", 123456, None]
)
async def test_what_cannot_be_a_code_is_refused_by_name(ada: Person, code: object) -> None:
    response = await finish(ada.client, "x", totp=code)
    assert response.status_code == 422


async def test_exactly_one_thing_is_shown(ada: Person) -> None:
    both = await finish(ada.client, "x", totp="123456", recovery_code="X")
    assert (both.status_code, (await finish(ada.client, "x")).status_code) == (422, 422)


async def test_a_recovery_code_stands_in_once(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    _, codes = await enrol_app(ada, code_clock)
    assert len(set(codes)) == 10
    typed = codes[0].replace("-", " ").lower()
    assert (await finish(ada.client, await mfa_token(ada), recovery_code=typed)).status_code == 200

    again = await finish(ada.client, await mfa_token(ada), recovery_code=codes[0])

    assert problem(again) == (401, "wrong_proof")
    assert await changes(database) == ["totp_added", "mfa_enabled", "recovery_code_used"]
    left = await ada.client.get("/v1/auth/second-factors", headers=ada.headers)
    assert left.json() == {"totp": True, "passkeys": 0, "recovery_codes_left": 9}


async def test_new_recovery_codes_replace_the_old_ones(
    ada: Person, code_clock: FrozenClock
) -> None:
    _, old = await enrol_app(ada, code_clock)
    ada.tokens = (await ada.refresh()).json()
    renewed = await ada.client.post("/v1/auth/recovery-codes", headers=ada.headers)
    assert renewed.status_code == 200, renewed.text

    refused = await finish(ada.client, await mfa_token(ada), recovery_code=old[1])
    taken = await finish(
        ada.client, await mfa_token(ada), recovery_code=renewed.json()["recovery_codes"][1]
    )
    assert (problem(refused), taken.status_code) == ((401, "wrong_proof"), 200)


async def test_the_database_holds_neither_secret_nor_recovery_code(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    begun = (await ada.client.post("/v1/auth/totp", headers=ada.headers)).json()
    app = App(begun["secret"], code_clock)
    confirmed = await ada.client.post(
        "/v1/auth/totp/confirm", json={"totp": app.code()}, headers=ada.headers
    )
    code = confirmed.json()["recovery_codes"][0]
    async with database.transaction() as session:
        sealed = await session.scalar(text("SELECT secret_sealed FROM totp_authenticators"))
        hashes = set(await session.scalars(select(RecoveryCode.code_hash)))
    assert begun["secret"] not in repr(sealed)
    assert hash_of(code.replace("-", "")) in hashes
    assert code.encode() not in hashes


async def test_step_up_takes_the_code_and_not_the_password(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    app, codes = await enrol_app(ada, code_clock)
    await let_time_pass(database, minutes=20)
    ada.tokens = (await ada.refresh()).json()
    stale = await ada.client.delete("/v1/auth/totp", headers=ada.headers)
    assert problem(stale) == (401, "insufficient_user_authentication")
    assert ACR_MFA in stale.headers["WWW-Authenticate"]

    by_password = await step_up(ada, password=PASSWORD)
    by_code = await step_up(ada, totp=app.code())
    replayed = await step_up(ada, totp=app.code())
    by_paper = await step_up(ada, recovery_code=codes[0])

    assert problem(by_password) == (401, "insufficient_user_authentication")
    assert problem(replayed) == (401, "wrong_proof")
    assert (by_code.status_code, by_paper.status_code) == (200, 200)
    ada.tokens |= by_code.json()
    gone = await ada.client.delete("/v1/auth/totp", headers=ada.headers)
    assert gone.status_code == 204
    await ada.log_in()
    assert (await changes(database))[-2:] == ["totp_removed", "mfa_disabled"]


async def test_a_second_app_needs_the_first_taken_off(ada: Person, code_clock: FrozenClock) -> None:
    await enrol_app(ada, code_clock)
    ada.tokens = (await ada.refresh()).json()
    again = await ada.client.post("/v1/auth/totp", headers=ada.headers)
    assert problem(again) == (409, "totp_already_enrolled")


async def test_without_a_factor_there_is_nothing_to_take_off_or_to_recover(ada: Person) -> None:
    off = await ada.client.delete("/v1/auth/totp", headers=ada.headers)
    codes = await ada.client.post("/v1/auth/recovery-codes", headers=ada.headers)
    assert (problem(off), problem(codes)) == ((404, "totp_not_found"), (409, "no_second_factor"))


async def test_nobody_enrols_with_an_old_proof(ada: Person, database: Database) -> None:
    await let_time_pass(database, minutes=6)
    ada.tokens = (await ada.refresh()).json()
    refused = await ada.client.post("/v1/auth/totp", headers=ada.headers)
    assert problem(refused) == (401, "insufficient_user_authentication")


async def test_a_locked_account_finishes_no_login(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    app, _ = await enrol_app(ada, code_clock)
    token = await mfa_token(ada)
    async with database.transaction() as session:
        await session.execute(
            update(TotpAuthenticator.metadata.tables["identities"]).values(status="disabled")
        )
    assert problem(await finish(ada.client, token, totp=app.code())) == (401, "invalid_mfa_token")

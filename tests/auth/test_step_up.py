from libs.database.session import Database
from libs.security.principal import ACR_MFA, ACR_PASSWORD
from libs.testing.waiting import FrozenClock
from tests.auth.conftest import PASSWORD, Person, StartAuth, register
from tests.auth.factors import enrol_app, finish, mfa_token, step_up
from tests.auth.sessions import flush, let_time_pass, problem
from tests.auth.test_email_addresses import ask_for_change
from tests.auth.test_login import WRONG, claims_of


async def test_a_login_says_how_it_was_proved(ada: Person) -> None:
    claims = await claims_of(ada)
    assert claims["acr"] == ACR_PASSWORD
    assert claims["amr"] == ["pwd"]
    assert claims["second_factor"] is False


async def test_a_refresh_proves_nothing_anew(ada: Person, database: Database) -> None:
    await let_time_pass(database, minutes=20)
    ada.tokens = (await ada.refresh()).json()
    claims = await claims_of(ada)
    assert int(str(claims["iat"])) - int(str(claims["auth_time"])) >= 1200


async def test_the_token_that_answers_tells_of_the_proof(ada: Person, database: Database) -> None:
    await let_time_pass(database, minutes=20)

    response = await step_up(ada, password=PASSWORD)

    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json().keys() == {"access_token", "token_type", "expires_in"}
    ada.tokens |= response.json()
    claims = await claims_of(ada)
    assert claims["sid"] == ada.tokens["session_id"]
    assert claims["auth_time"] == claims["iat"]


async def test_a_copy_of_the_sessions_secret_gains_nothing_from_what_its_owner_proves(
    ada: Person, database: Database
) -> None:
    copied = ada.tokens["refresh_token"]
    await let_time_pass(database, minutes=20)
    assert (await step_up(ada, password=PASSWORD)).status_code == 200

    ada.tokens = (await ada.refresh(copied)).json()

    claims = await claims_of(ada)
    assert int(str(claims["iat"])) - int(str(claims["auth_time"])) >= 1200
    assert problem(await ask_for_change(ada, "thief@example.com")) == (
        401,
        "insufficient_user_authentication",
    )


async def test_enrolling_strengthens_the_session_and_renews_nothing(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    await let_time_pass(database, minutes=20)
    await enrol_app(ada, code_clock)

    ada.tokens = (await ada.refresh()).json()

    claims = await claims_of(ada)
    assert (claims["acr"], claims["amr"]) == (ACR_MFA, ["pwd", "otp", "mfa"])
    assert int(str(claims["iat"])) - int(str(claims["auth_time"])) >= 1200


async def test_a_login_with_two_factors_keeps_saying_so(
    ada: Person, database: Database, code_clock: FrozenClock
) -> None:
    app, _ = await enrol_app(ada, code_clock)
    ada.tokens = (await finish(ada.client, await mfa_token(ada), totp=app.code())).json()
    for _ in range(3):
        await let_time_pass(database, minutes=20)
        ada.tokens = (await ada.refresh()).json()
        assert (await claims_of(ada))["acr"] == ACR_MFA


async def test_a_wrong_password_proves_nothing_and_guessing_is_limited(
    start_auth: StartAuth,
) -> None:
    client = await start_auth(login_failures_per_account=3)
    owner = await (await register(client)).log_in()
    codes = [problem(await step_up(owner, password=WRONG)) for _ in range(5)]
    assert codes == [(401, "wrong_proof")] * 3 + [(429, "rate_limited")] * 2


async def test_guesses_within_a_session_lock_nobody_out(start_auth: StartAuth) -> None:
    client = await start_auth(login_failures_per_account=3)
    owner = await (await register(client)).log_in()
    for _ in range(5):
        await step_up(owner, password=WRONG)
    await owner.log_in()


async def test_an_ended_session_cannot_be_stepped_up(
    ada: Person, redis_url: str, database: Database
) -> None:
    await ada.client.post("/v1/auth/logout", headers=ada.headers)
    assert problem(await step_up(ada, password=PASSWORD)) == (401, "session_ended")


async def test_a_session_redis_forgot_must_be_refreshed_first(ada: Person, redis_url: str) -> None:
    await flush(redis_url)
    assert problem(await step_up(ada, password=PASSWORD)) == (401, "session_ended")
    ada.tokens = (await ada.refresh()).json()
    assert (await step_up(ada, password=PASSWORD)).status_code == 200

from libs.database.session import Database
from libs.security.principal import ACR_PASSWORD
from tests.auth.conftest import PASSWORD, Person, StartAuth, register
from tests.auth.factors import step_up
from tests.auth.sessions import flush, let_time_pass, problem
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


async def test_the_password_renews_the_proof_of_this_session_alone(
    ada: Person, database: Database
) -> None:
    elsewhere = await ada.log_in()
    await let_time_pass(database, minutes=20)

    response = await step_up(ada, password=PASSWORD)

    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json().keys() == {"access_token", "token_type", "expires_in"}
    ada.tokens |= response.json()
    claims = await claims_of(ada)
    assert claims["sid"] == ada.tokens["session_id"]
    assert abs(int(str(claims["auth_time"])) - int(str(claims["iat"]))) <= 2
    ada.tokens = (await ada.refresh()).json()
    assert (await claims_of(ada))["auth_time"] == claims["auth_time"]
    elsewhere.tokens = (await elsewhere.refresh()).json()
    assert int(str((await claims_of(elsewhere))["auth_time"])) < int(str(claims["auth_time"]))


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

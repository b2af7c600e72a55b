"""Staff log in with a password like everybody, and are let at their work with a second factor."""

import httpx
import pytest

from libs.database.session import Database
from libs.security.principal import ACR_MFA, ACR_PASSWORD
from libs.testing.authenticator import Device
from libs.testing.waiting import FrozenClock
from tests.auth.conftest import PASSWORD, Person
from tests.auth.factors import enrol_app, enrol_device, finish, log_in_with, mfa_token, step_up
from tests.auth.sessions import let_time_pass, problem
from tests.auth.staff import promoted
from tests.auth.test_login import claims_of

NEEDED = (401, "staff_second_factor_required")


@pytest.fixture
async def root(ada: Person, database: Database) -> Person:
    """Staff who have no second factor yet."""
    return await promoted(ada, database)


async def work(person: Person) -> httpx.Response:
    """Do what only staff may do, and what asks for a recent proof as well."""
    path = "/v1/accounts/usr_nobody/lock"
    return await person.client.post(path, headers=person.headers)


DONE = (404, "identity_not_found")
"""What whoever is let in hears of nobody's account."""


async def test_the_first_administrator_enrols_a_factor_and_then_does_their_work(
    root: Person, code_clock: FrozenClock
) -> None:
    refused = await work(root)
    assert problem(refused) == NEEDED
    assert f'acr_values="{ACR_MFA}"' in refused.headers["WWW-Authenticate"]
    assert "/v1/auth/passkeys/options" in refused.json()["detail"]
    mine = await root.client.get("/v1/auth/second-factors", headers=root.headers)
    assert mine.status_code == 200

    app, _ = await enrol_app(root, code_clock)
    done = await finish(root.client, await mfa_token(root), totp=app.code())

    assert problem(await work(Person(root.client, root.email, root.user_id, done.json()))) == DONE


async def test_a_passkey_that_asks_for_its_owner_is_enough_by_itself(root: Person) -> None:
    device = Device()
    await enrol_device(root, device)
    begun = await log_in_with(device, root.client)
    assert problem(await work(Person(root.client, root.email, root.user_id, begun.json()))) == DONE


async def test_a_refresh_keeps_the_strength_of_a_login_and_adds_none(
    root: Person, database: Database, code_clock: FrozenClock
) -> None:
    root.tokens = (await root.refresh()).json()
    assert problem(await work(root)) == NEEDED
    await enrol_app(root, code_clock)
    await let_time_pass(database, minutes=4)

    root.tokens = (await root.refresh()).json()

    claims = await claims_of(root)
    assert claims["acr"] == ACR_MFA
    assert int(str(claims["iat"])) - int(str(claims["auth_time"])) >= 240
    assert problem(await work(root)) == DONE


async def test_a_session_from_before_the_factor_is_stepped_up(
    root: Person, database: Database, code_clock: FrozenClock
) -> None:
    """Enrolling strengthens the session it happened in; whoever holds an older token proves it once more."""
    older = root.headers
    app, _ = await enrol_app(root, code_clock)
    refused = await root.client.get("/v1/oauth-clients", headers=older)
    assert problem(refused) == NEEDED

    root.tokens |= (await step_up(root, totp=app.code())).json()

    assert (await root.client.get("/v1/oauth-clients", headers=root.headers)).status_code == 200


async def test_whoever_takes_the_last_factor_off_is_no_staff_at_the_next_login(
    root: Person, code_clock: FrozenClock
) -> None:
    await enrol_app(root, code_clock)
    root.tokens = (await root.refresh()).json()
    off = await root.client.delete("/v1/auth/totp", headers=root.headers)
    assert off.status_code == 204

    again = await root.log_in()

    assert (await claims_of(again))["acr"] == ACR_PASSWORD
    assert problem(await work(again)) == NEEDED


async def test_a_login_in_the_body_names_no_strength(root: Person) -> None:
    body = {"email": root.email, "password": PASSWORD, "acr": ACR_MFA}
    assert (await root.client.post("/v1/auth/login", json=body)).status_code == 422

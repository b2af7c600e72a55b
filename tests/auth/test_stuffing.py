"""Stolen lists of addresses and passwords tried on us: how many guesses are judged, and who still gets in."""

import time
from collections import Counter

import httpx

from libs.database.session import Database
from libs.testing.scale import trials
from libs.testing.waiting import FrozenClock
from tests.auth.conftest import Person, StartAuth, log_in, register
from tests.auth.factors import App, enrol_app, finish, mfa_token, step_up
from tests.auth.mails import ServiceToken
from tests.auth.test_login import WRONG
from tests.auth.test_passwords import NEW, prove_address, reset, token_for

PER_ADDRESS = 8
PER_ACCOUNT = 5
HOME = {"X-Forwarded-For": "203.0.113.7"}


def source(number: int) -> dict[str, str]:
    """Return a client's address, one of 65,536."""
    return {"X-Forwarded-For": f"198.18.{number // 256}.{number % 256}"}


def allowed(limit: int, *, since: float, window: int) -> float:
    """Return how many attempts a window's limit lets through, however long the list took."""
    return limit * ((time.monotonic() - since) / window + 2)


async def shop(start_auth: StartAuth, *, per_address: int = PER_ADDRESS) -> httpx.AsyncClient:
    return await start_auth(
        login_attempts_per_address=per_address, login_failures_per_account=PER_ACCOUNT
    )


async def owner_at_home(client: httpx.AsyncClient) -> Person:
    return await (await register(client)).log_in(**HOME)


async def test_one_address_with_a_long_list_has_few_guesses_judged(
    start_auth: StartAuth,
) -> None:
    client = await shop(start_auth)
    codes, began = Counter[int](), time.monotonic()
    for number in range(trials(40, 10_000)):
        answer = await log_in(client, f"victim-{number}@example.com", WRONG, source(0))
        codes[answer.status_code] += 1
    assert codes.keys() <= {401, 429}
    assert codes[401] <= allowed(PER_ADDRESS, since=began, window=60)


async def test_many_addresses_with_one_list_have_each_their_few(start_auth: StartAuth) -> None:
    client = await shop(start_auth, per_address=2)
    addresses = trials(5, 500)
    codes, began = Counter[int](), time.monotonic()
    for number in range(trials(60, 10_000)):
        answer = await log_in(
            client, f"victim-{number}@example.com", WRONG, source(number % addresses)
        )
        codes[answer.status_code] += 1
    assert codes.keys() <= {401, 429}
    assert codes[401] <= addresses * allowed(2, since=began, window=60)


async def test_one_account_tried_from_everywhere_is_not_locked_for_its_owner(
    start_auth: StartAuth,
) -> None:
    client = await shop(start_auth)
    owner = await owner_at_home(client)
    codes, began = Counter[int](), time.monotonic()
    for number in range(trials(40, 10_000)):
        codes[(await log_in(client, owner.email, WRONG, source(number))).status_code] += 1
    assert codes.keys() <= {401, 429}
    assert codes[401] <= min(10 * PER_ACCOUNT, allowed(PER_ACCOUNT, since=began, window=300))
    assert (await log_in(client, owner.email, headers=HOME)).status_code == 200
    assert (await step_up(owner, password=WRONG)).status_code == 401, "an allowance of its own"


async def test_a_home_is_known_whatever_address_of_its_network_a_device_takes(
    start_auth: StartAuth,
) -> None:
    client = await shop(start_auth)
    owner = await (await register(client)).log_in(**{"X-Forwarded-For": "2001:db8:1:2:aaaa::1"})
    codes = [
        (await log_in(client, owner.email, WRONG, source(number))).status_code
        for number in range(PER_ACCOUNT + 1)
    ]
    assert codes[-1] == 429
    today = {"X-Forwarded-For": "2001:db8:1:2:bbbb::7"}
    assert (await log_in(client, owner.email, headers=today)).status_code == 200
    neighbour = {"X-Forwarded-For": "2001:db8:1:3::1"}
    assert (await log_in(client, owner.email, headers=neighbour)).status_code == 429


async def test_whoever_stole_a_password_spends_no_second_steps_of_its_owner(
    start_auth: StartAuth, code_clock: FrozenClock
) -> None:
    client = await shop(start_auth, per_address=100)
    owner = await owner_at_home(client)
    app, _ = await enrol_app(owner, code_clock)
    await spend_second_steps(owner, app)

    asked = await log_in(client, owner.email, headers=HOME)
    shown = {"mfa_token": asked.json()["mfa_token"], "totp": app.code()}

    assert (await client.post("/v1/auth/login/mfa", json=shown)).status_code == 429
    assert (await client.post("/v1/auth/login/mfa", json=shown, headers=HOME)).status_code == 200


async def test_a_reset_gives_the_second_steps_back_that_a_thief_has_spent(
    start_auth: StartAuth,
    code_clock: FrozenClock,
    service_token: ServiceToken,
    database: Database,
) -> None:
    client = await shop(start_auth, per_address=100)
    owner = await owner_at_home(client)
    await prove_address(owner, service_token, database)
    app, _ = await enrol_app(owner, code_clock)
    await spend_second_steps(owner, app)

    assert (await reset(client, await token_for(owner, service_token, database))).status_code == 204

    asked = await log_in(client, owner.email, NEW)
    assert (await finish(client, asked.json()["mfa_token"], totp=app.code())).status_code == 200


async def spend_second_steps(owner: Person, app: App) -> None:
    """Log in with the password from elsewhere and fail with the second factor until nobody judges it any more."""
    token = await mfa_token(owner)
    for _ in range(PER_ACCOUNT):
        assert (await finish(owner.client, token, totp=app.wrong())).status_code == 401
    assert (await finish(owner.client, await mfa_token(owner), totp=app.code())).status_code == 429

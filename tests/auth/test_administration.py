import httpx
import pytest
from sqlalchemy import update

from libs.database.session import Database
from services.auth.models import Identity
from tests.auth.conftest import PASSWORD, Person, StartAuth, log_in, register
from tests.auth.mails import ServiceToken, changes, told
from tests.auth.sessions import is_recorded, let_time_pass, problem
from tests.auth.staff import promoted, proved
from tests.auth.test_email_addresses import (
    CHANGE,
    VERIFICATION,
    ask_for_change,
    confirm_change,
    joining,
    newest_token,
    use,
)
from tests.auth.test_login import WRONG, claims_of
from tests.auth.test_passwords import RESET_REQUESTED, forget, reset

INVALID_MAIL_TOKEN = (400, "invalid_mail_token")


@pytest.fixture
async def root(client: httpx.AsyncClient, database: Database) -> Person:
    """An administrator who is logged in."""
    return await proved(await promoted(await register(client), database), database)


async def test_a_locked_account_is_out_at_once_and_in_again_when_unlocked(
    root: Person, ada: Person, redis_url: str, database: Database
) -> None:
    path = f"/v1/accounts/{ada.user_id}"
    for _ in range(2):
        locked = await root.client.post(f"{path}/lock", headers=root.headers)
        assert (locked.status_code, locked.json()["status"]) == (200, "disabled")
    assert not await is_recorded(redis_url, ada)
    assert problem(await ada.refresh()) == (401, "invalid_refresh_token")
    assert (await log_in(ada.client, ada.email)).status_code == 401

    unlocked = await root.client.post(f"{path}/unlock", headers=root.headers)

    assert unlocked.json()["status"] == "active"
    await ada.log_in()
    assert await changes(database) == ["account_locked", "account_unlocked"]


async def test_changed_roles_end_the_sessions_that_say_otherwise(
    root: Person, ada: Person, redis_url: str, database: Database
) -> None:
    path = f"/v1/accounts/{ada.user_id}/roles"
    body = {"roles": ["customer", "admin"]}
    changed = await root.client.put(path, json=body, headers=root.headers)
    assert changed.json()["roles"] == ["admin", "customer"]
    assert not await is_recorded(redis_url, ada)
    assert "identity:admin" in str((await claims_of(await ada.log_in()))["scope"])
    assert await changes(database) == ["roles_changed"]


async def test_staff_see_and_end_somebodys_sessions(
    root: Person, ada: Person, redis_url: str
) -> None:
    path = f"/v1/accounts/{ada.user_id}/sessions"
    listed = (await root.client.get(path, headers=root.headers)).json()["items"]
    assert [(s["session_id"], s["current"]) for s in listed] == [(ada.tokens["session_id"], False)]
    assert (await root.client.delete(path, headers=root.headers)).status_code == 204
    assert not await is_recorded(redis_url, ada)
    assert (await root.client.get(path, headers=root.headers)).json() == {"items": []}


async def test_an_account_shows_nothing_about_who_it_is(root: Person, ada: Person) -> None:
    shown = await root.client.get(f"/v1/accounts/{ada.user_id}", headers=root.headers)
    assert shown.status_code == 200
    assert ada.email not in shown.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "lock", None),
        ("POST", "unlock", None),
        ("PUT", "roles", {"roles": ["customer"]}),
    ],
)
async def test_nobody_takes_rights_from_themselves_or_from_nobody(
    root: Person, method: str, path: str, body: object
) -> None:
    for user_id, refusal in (
        (root.user_id, (409, "own_account")),
        ("usr_nobody", (404, "identity_not_found")),
    ):
        response = await root.client.request(
            method, f"/v1/accounts/{user_id}/{path}", json=body, headers=root.headers
        )
        assert problem(response) == refusal


async def test_customers_administer_nobody(ada: Person, root: Person) -> None:
    response = await ada.client.post(f"/v1/accounts/{root.user_id}/lock", headers=ada.headers)
    assert problem(response) == (403, "insufficient_scope")


async def test_administration_asks_for_a_recent_proof(
    root: Person, ada: Person, database: Database
) -> None:
    await let_time_pass(database, minutes=6)
    root.tokens = (await root.refresh()).json()
    lock = f"/v1/accounts/{ada.user_id}/lock"
    refused = await root.client.post(lock, headers=root.headers)
    assert problem(refused) == (401, "insufficient_user_authentication")


async def test_an_administrators_account_closes_for_a_while_after_ten_guesses_from_wherever(
    start_auth: StartAuth, database: Database
) -> None:
    client = await start_auth(login_failures_per_account=100)
    person = await register(client)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(roles=["customer", "admin"]))
    home = {"X-Forwarded-For": "203.0.113.7"}
    await person.log_in(**home)
    guesses = [
        await log_in(client, person.email, WRONG, {"X-Forwarded-For": f"198.51.100.{number}"})
        for number in range(12)
    ]
    assert [guess.status_code for guess in guesses] == [401] * 10 + [429] * 2
    closed = await log_in(client, person.email, headers=home)
    assert problem(closed) == (429, "rate_limited")
    assert int(closed.headers["Retry-After"]) == 300, "more would tell whose account it is"


async def test_what_staff_do_takes_one_connection_of_the_pool(
    root: Person, ada: Person, start_auth: StartAuth
) -> None:
    client = await start_auth(database_pool_size=1)
    path = f"/v1/accounts/{ada.user_id}"
    headers = {**root.headers, "Idempotency-Key": "staff"}
    for method, what in (("POST", "lock"), ("POST", "unlock"), ("DELETE", "sessions")):
        answer = await client.request(method, f"{path}/{what}", headers=headers)
        assert answer.is_success, answer.text
    roles = await client.put(f"{path}/roles", headers=headers, json={"roles": ["customer"]})
    assert roles.is_success, roles.text


async def test_a_lock_ends_what_was_mailed_before_it(
    root: Person, ada: Person, service_token: ServiceToken, database: Database
) -> None:
    await ask_for_change(ada)
    change = await newest_token(ada, service_token, database, CHANGE)
    await forget(ada.client, ada.email)
    lost = await newest_token(ada, service_token, database, RESET_REQUESTED)

    for step in ("lock", "unlock"):
        await root.client.post(f"/v1/accounts/{ada.user_id}/{step}", headers=root.headers)
        assert problem(await reset(ada.client, lost)) == INVALID_MAIL_TOKEN
    back = await ada.log_in()
    assert problem(await confirm_change(back, change)) == INVALID_MAIL_TOKEN


@pytest.mark.parametrize("status", ["disabled", "closed"])
async def test_no_mail_opens_an_account_that_is_shut(
    ada: Person, service_token: ServiceToken, database: Database, status: str
) -> None:
    await ask_for_change(ada)
    change = await newest_token(ada, service_token, database, CHANGE)
    await forget(ada.client, ada.email)
    lost = await newest_token(ada, service_token, database, RESET_REQUESTED)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(status=status))

    assert problem(await confirm_change(ada, change)) == INVALID_MAIL_TOKEN
    assert problem(await reset(ada.client, lost)) == INVALID_MAIL_TOKEN
    await forget(ada.client, ada.email)
    assert len(await told(database, RESET_REQUESTED)) == 1, "nothing is mailed any more"


async def test_nobody_opens_an_account_again_whose_owner_wants_to_be_forgotten(
    root: Person, ada: Person, service_token: ServiceToken
) -> None:
    caller = {"Service-Authorization": f"Bearer {service_token('user', 'auth')}"}
    await ada.client.post(f"/v1/identities/{ada.user_id}/closure", headers=caller)
    for step in ("unlock", "lock", "unlock"):
        answer = await root.client.post(f"/v1/accounts/{ada.user_id}/{step}", headers=root.headers)
        assert answer.json()["status"] == "closed"
    assert (await log_in(ada.client, ada.email)).status_code == 401


async def test_an_unlocked_account_still_waits_for_its_address_to_be_proved(
    root: Person, start_auth: StartAuth, service_token: ServiceToken, database: Database
) -> None:
    careful = await start_auth(registration="verified")
    await careful.post("/v1/auth/register", json=joining("late@example.com"))
    late = Person(careful, "late@example.com", "", {})
    mailed = (await told(database, VERIFICATION))[-1]
    mails = len(await told(database, VERIFICATION))
    for step, status in (("lock", "disabled"), ("unlock", "pending")):
        path = f"/v1/accounts/{mailed['user_id']}/{step}"
        assert (await careful.post(path, headers=root.headers)).json()["status"] == status
    assert (await log_in(careful, late.email)).status_code == 401

    assert len(await told(database, VERIFICATION)) == mails + 1, "the first may be too old by now"
    token = await newest_token(late, service_token, database, VERIFICATION)
    assert (await use(careful, "verify", token, password=PASSWORD)).status_code == 204
    await late.log_in()

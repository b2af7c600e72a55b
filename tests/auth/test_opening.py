"""An account that waits is opened by whoever reads its mail and knows its password, and by nobody else."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from libs.database.session import Database
from libs.runtime.resources import Resources, open_resources
from libs.testing.authenticator import Device
from libs.testing.plugin import SettingsFor
from services.auth.models import Identity, MailRequest
from services.auth.repository import IdentityRepository
from services.auth.service.housekeeping import forget_unopened
from services.auth.worker import worker_plan
from tests.auth.conftest import PASSWORD, Person, StartAuth, log_in, register
from tests.auth.factors import enrol_device
from tests.auth.mails import ServiceToken, changes, told
from tests.auth.sessions import problem
from tests.auth.staff import promoted, proved
from tests.auth.test_email_addresses import (
    CHANGE,
    NEW_ADDRESS,
    STRANGERS,
    VERIFICATION,
    ask_for_change,
    confirm_change,
    joining,
    newest_token,
    use,
)
from tests.auth.test_passwords import NEW, reset, token_for

REGISTERED = "identity.registered.v1"


@pytest.fixture
async def careful(start_auth: StartAuth) -> httpx.AsyncClient:
    """Where an account waits until it is opened."""
    return await start_auth(registration="verified", login_failures_per_account=3)


@pytest.fixture
async def resources(settings_for: SettingsFor) -> AsyncIterator[Resources]:
    """What the worker runs with."""
    async with open_resources(settings_for("auth")) as opened:
        yield opened


async def wish(client: httpx.AsyncClient, email: str = "ada@example.com", **other: str) -> Person:
    """Register where that opens nothing yet."""
    answer = await client.post("/v1/auth/register", json={**joining(email), **other})
    assert answer.status_code == 202
    return Person(client, email, "", {})


async def name_of(database: Database) -> str:
    async with database.transaction() as session:
        (name,) = await session.scalars(select(Identity.display_name))
        return name


async def test_the_mail_alone_opens_nothing_and_wrong_passwords_burn_no_token(
    careful: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    ada = await wish(careful)
    token = await newest_token(ada, service_token, database, VERIFICATION)

    assert problem(await use(careful, "verify", token)) == (401, "password_required")
    for _ in range(2):
        refused = await use(careful, "verify", token, password=STRANGERS)
        assert problem(refused) == (401, "wrong_proof")
        assert (await log_in(careful, ada.email)).status_code == 401

    assert (await use(careful, "verify", token, password=PASSWORD)).status_code == 204
    assert (await log_in(careful, ada.email)).status_code == 200


async def test_whoever_reads_the_mail_guesses_the_password_a_few_times_only(
    careful: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    token = await newest_token(await wish(careful), service_token, database, VERIFICATION)
    guesses = [await use(careful, "verify", token, password=STRANGERS) for _ in range(4)]
    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]
    right = await use(careful, "verify", token, password=PASSWORD)
    assert problem(right) == (429, "rate_limited")


async def test_a_strangers_password_never_opens_what_they_registered(
    careful: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    await wish(careful, password=STRANGERS, display_name="Stupid Stranger")
    owner = Person(careful, "ada@example.com", "", {})
    mailed = await newest_token(owner, service_token, database, VERIFICATION)
    assert (await use(careful, "verify", mailed)).status_code == 401

    lost = await token_for(owner, service_token, database)
    assert (await reset(careful, lost)).status_code == 204

    assert (await log_in(careful, owner.email, NEW)).status_code == 200
    assert (await log_in(careful, owner.email, STRANGERS)).status_code == 401
    assert await name_of(database) == "ada", "the stranger's name is gone too"
    assert len(await told(database, REGISTERED)) == 1
    late = await use(careful, "verify", mailed, password=STRANGERS)
    assert problem(late) == (400, "invalid_mail_token")


async def test_the_others_hear_of_an_account_when_it_opens_by_the_name_of_who_opened_it(
    careful: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    await wish(careful, password=STRANGERS, display_name="Stupid Stranger")
    owner = await wish(careful, display_name="Olga Owner")
    assert await told(database, REGISTERED) == []

    token = await newest_token(owner, service_token, database, VERIFICATION)
    assert (await use(careful, "verify", token, password=PASSWORD)).status_code == 204

    (event,) = await told(database, REGISTERED)
    assert event["home_region"] == "us-east-1"
    caller = {"Service-Authorization": f"Bearer {service_token('user', 'auth')}"}
    seen = await careful.get(f"/v1/identities/{event['user_id']}", headers=caller)
    assert seen.json()["display_name"] == "Olga Owner"


@pytest.mark.parametrize("roles", [["customer"], ["customer", "admin"]])
async def test_unlocking_gives_an_open_account_back_and_no_registration_touches_it(
    client: httpx.AsyncClient, start_auth: StartAuth, database: Database, roles: list[str]
) -> None:
    root, owner = await register(client), await register(client)
    await set_roles(database, owner, roles)
    root = await proved(await promoted(root, database), database)
    careful = await start_auth(registration="verified")

    for step, status in (("lock", "disabled"), ("unlock", "active")):
        path = f"/v1/accounts/{owner.user_id}/{step}"
        assert (await careful.post(path, headers=root.headers)).json()["status"] == status
    await wish(careful, owner.email, password=STRANGERS)

    assert (await log_in(careful, owner.email, STRANGERS)).status_code == 401
    assert (await log_in(careful, owner.email)).status_code == 200
    assert (await changes(database))[-1] == "registration_attempted"


async def test_an_account_that_was_open_is_registered_by_nobody_while_it_waits(
    careful: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    ada = await wish(careful)
    async with (
        database.transaction() as session
    ):  # as releases before `opened_at` unlocked accounts
        await session.execute(update(Identity).values(opened_at=func.now()))
    await wish(careful, password=STRANGERS, display_name="Stupid Stranger")
    assert await changes(database) == ["registration_attempted"]
    token = await newest_token(ada, service_token, database, VERIFICATION)
    assert (await use(careful, "verify", token, password=PASSWORD)).status_code == 204
    assert (await log_in(careful, ada.email)).status_code == 200
    assert await name_of(database) == "Ada"


async def set_roles(database: Database, person: Person, roles: list[str]) -> None:
    async with database.transaction() as session:
        whose = update(Identity).where(Identity.id == person.user_id)
        await session.execute(whose.values(roles=roles))


async def let_days_pass(database: Database, days: int) -> None:
    """Move every account and every mail into the past."""
    by = timedelta(days=days)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(created_at=Identity.created_at - by))
        await session.execute(update(MailRequest).values(expires_at=MailRequest.expires_at - by))


async def addresses(database: Database) -> set[str]:
    async with database.transaction() as session:
        return set(await session.scalars(select(Identity.email)))


async def test_accounts_nobody_opened_are_forgotten_some_days_after_their_last_mail(
    careful: httpx.AsyncClient,
    service_token: ServiceToken,
    database: Database,
    resources: Resources,
) -> None:
    opened = await wish(careful, "opened@example.com")
    token = await newest_token(opened, service_token, database, VERIFICATION)
    assert (await use(careful, "verify", token, password=PASSWORD)).status_code == 204
    for email in ("never@example.com", "neither@example.com", "again@example.com"):
        await wish(careful, email)
    await let_days_pass(database, 11)
    await wish(careful, "again@example.com")
    await wish(careful, "new@example.com")

    timers = {timer.name: timer for timer in worker_plan(resources).timers}
    await timers["forget-unopened"].run()

    kept = {"opened@example.com", "again@example.com", "new@example.com"}
    assert await addresses(database) == kept
    async with database.transaction() as session:
        whose = set(await session.scalars(select(MailRequest.user_id)))
        assert whose == set(await session.scalars(select(Identity.id))), "its mails went along"
    assert len(await told(database, "identity.forgotten.v1")) == 2
    await wish(careful, "never@example.com")


async def test_accounts_are_forgotten_batch_by_batch_and_not_while_somebody_holds_them(
    careful: httpx.AsyncClient, database: Database, resources: Resources
) -> None:
    for number in range(4):
        await wish(careful, f"never-{number}@example.com")
    await let_days_pass(database, 11)
    async with database.transaction() as session:
        await IdentityRepository(session).find_by_email_locked("never-2@example.com")
        await forget_unopened(database, resources.outbox, batch=1)
    assert await addresses(database) == {"never-2@example.com"}


async def test_a_registration_that_waits_keeps_nobody_from_an_address_they_prove(
    careful: httpx.AsyncClient,
    client: httpx.AsyncClient,
    service_token: ServiceToken,
    database: Database,
) -> None:
    owner = await (await register(client)).log_in()
    stranger = await wish(careful, NEW_ADDRESS, password=STRANGERS)
    late = await newest_token(stranger, service_token, database, VERIFICATION)

    await ask_for_change(owner, NEW_ADDRESS)
    token = await newest_token(owner, service_token, database, CHANGE)
    assert (await confirm_change(owner, token)).status_code == 204

    assert await addresses(database) == {NEW_ADDRESS}
    assert len(await told(database, "identity.forgotten.v1")) == 1
    refused = await use(careful, "verify", late, password=STRANGERS)
    assert problem(refused) == (400, "invalid_mail_token")


async def test_nobody_forgets_a_locked_account_or_one_that_was_open(
    client: httpx.AsyncClient, database: Database, resources: Resources
) -> None:
    person = await (await register(client)).log_in()
    assert (await enrol_device(person, Device())).status_code == 201
    await let_days_pass(database, 40)
    for status, opened in (("pending", func.now()), ("disabled", None), ("active", None)):
        async with database.transaction() as session:
            await session.execute(update(Identity).values(status=status, opened_at=opened))
        await forget_unopened(database, resources.outbox)
        assert await addresses(database) == {person.email}

import asyncio

import httpx
import pytest
from sqlalchemy import select

from libs.database.session import Database
from services.auth.models import Identity, MailRequest
from tests.auth.conftest import PASSWORD, Person, StartAuth, log_in, register
from tests.auth.mails import ServiceToken, changes, mint, told
from tests.auth.sessions import let_time_pass, problem

VERIFICATION = "identity.email_verification_requested.v1"
CHANGE = "identity.email_change_requested.v1"
NEW_ADDRESS = "ada.new@example.com"
STRANGERS = "another sound of thunder"


async def newest_token(
    person: Person, service_token: ServiceToken, database: Database, event: str
) -> str:
    request_id = (await told(database, event))[-1]["request_id"]
    minted = await mint(person.client, service_token("user", "auth"), request_id)
    token: str = minted.json()["token"]
    return token


async def use(client: httpx.AsyncClient, path: str, token: str, **more: str) -> httpx.Response:
    return await client.post(f"/v1/auth/email/{path}", json={"token": token, **more})


async def confirm_change(person: Person, token: str) -> httpx.Response:
    return await person.client.post(
        "/v1/auth/email/change/confirm", json={"token": token}, headers=person.headers
    )


async def ask_for_change(person: Person, email: str = NEW_ADDRESS) -> httpx.Response:
    return await person.client.post(
        "/v1/auth/email/change", json={"email": email}, headers=person.headers
    )


async def test_an_address_is_proved_by_what_was_mailed_there_once(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    token = await newest_token(ada, service_token, database, VERIFICATION)
    assert (await use(ada.client, "verify", token)).status_code == 204
    async with database.transaction() as session:
        assert await session.scalar(select(Identity.email_verified_at)) is not None
    assert problem(await use(ada.client, "verify", token)) == (400, "invalid_mail_token")


async def test_the_verification_can_be_asked_for_again(ada: Person, database: Database) -> None:
    again = await ada.client.post("/v1/auth/email/verification", headers=ada.headers)
    assert again.status_code == 202
    assert len(await told(database, VERIFICATION)) == 2


async def test_a_new_address_counts_once_it_is_proved_and_the_old_one_is_told(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    assert (await ask_for_change(ada)).status_code == 202
    assert (await log_in(ada.client, NEW_ADDRESS)).status_code == 401
    token = await newest_token(ada, service_token, database, CHANGE)

    assert (await confirm_change(ada, token)).status_code == 204

    assert (await log_in(ada.client, NEW_ADDRESS)).status_code == 200
    assert (await log_in(ada.client, ada.email)).status_code == 401
    assert await changes(database) == ["email_changed", "email_changed"]
    to_old, to_new = await told(database, "identity.security_changed.v1")
    notice = await mint(ada.client, service_token("user", "auth"), to_old["request_id"])
    assert notice.json() == {
        "user_id": ada.user_id,
        "purpose": "tell_old_address",
        "email": ada.email,
        "token": None,
        "expires_in": None,
    }
    assert to_new["request_id"] is None
    assert problem(await confirm_change(ada, token)) == (400, "invalid_mail_token")


async def test_the_mail_to_prove_it_goes_to_the_new_address(
    ada: Person, service_token: ServiceToken, database: Database
) -> None:
    await ask_for_change(ada)
    request_id = (await told(database, CHANGE))[-1]["request_id"]
    minted = (await mint(ada.client, service_token("user", "auth"), request_id)).json()
    assert (minted["email"], minted["expires_in"]) == (NEW_ADDRESS, 600)


async def test_a_taken_address_is_answered_alike_and_nobody_is_asked(
    ada: Person, client: httpx.AsyncClient, database: Database
) -> None:
    other = await register(client)
    free, taken = await ask_for_change(ada), await ask_for_change(ada, other.email)
    assert (free.status_code, free.content) == (taken.status_code, taken.content)
    assert len(await told(database, CHANGE)) == 1
    async with database.transaction() as session:
        wishes = select(MailRequest).where(MailRequest.purpose == "change_email")
        kept = [wish.email for wish in await session.scalars(wishes)]
    assert set(kept) == {NEW_ADDRESS, None}, "of the other's address nothing is kept"


async def test_an_address_registered_meanwhile_stays_its_owners(
    ada: Person, client: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    await ask_for_change(ada)
    token = await newest_token(ada, service_token, database, CHANGE)
    await register(client, NEW_ADDRESS)
    assert problem(await confirm_change(ada, token)) == (409, "email_taken")
    assert (await log_in(client, ada.email)).status_code == 200


async def test_nobody_gives_their_address_to_an_account_they_are_not_in(
    ada: Person, client: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    reader = await (await register(client)).log_in()
    await ask_for_change(ada)
    token = await newest_token(ada, service_token, database, CHANGE)
    assert problem(await use(client, "change/confirm", token)) == (401, "authentication_required")
    assert problem(await confirm_change(reader, token)) == (400, "invalid_mail_token")
    assert (await confirm_change(ada, token)).status_code == 204


async def test_an_address_is_changed_only_by_whoever_has_just_proved_it(
    ada: Person, database: Database
) -> None:
    await let_time_pass(database, minutes=6)
    ada.tokens = (await ada.refresh()).json()
    assert problem(await ask_for_change(ada)) == (401, "insufficient_user_authentication")


@pytest.fixture
async def careful(start_auth: StartAuth) -> httpx.AsyncClient:
    """Where an account opens once its address is proved."""
    return await start_auth(registration="verified", mails_per_account=10)


def joining(email: str = "ada@example.com", password: str = PASSWORD) -> dict[str, str]:
    return {"email": email, "password": password, "display_name": "Ada"}


async def test_registering_tells_nobody_who_has_an_account(
    careful: httpx.AsyncClient, database: Database
) -> None:
    first = await careful.post("/v1/auth/register", json=joining())
    second = await careful.post(
        "/v1/auth/register", json=joining(password="another sound of thunder")
    )
    assert (first.status_code, first.content) == (202, b'{"next":"read_your_mail"}')
    assert (second.status_code, second.content) == (first.status_code, first.content)
    # Neither tells by logging in: the account waits for its mail.
    for password in (PASSWORD, "another sound of thunder"):
        refused = await log_in(careful, "ada@example.com", password)
        assert problem(refused) == (401, "invalid_credentials")
    assert len(await told(database, VERIFICATION)) == 2


async def test_the_account_opens_with_the_mail_and_its_password(
    careful: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    await careful.post("/v1/auth/register", json=joining())
    person = Person(careful, "ada@example.com", "", {})
    token = await newest_token(person, service_token, database, VERIFICATION)
    assert (await use(careful, "verify", token, password=PASSWORD)).status_code == 204
    assert (await log_in(careful, "ada@example.com")).status_code == 200


async def test_a_registration_that_waits_is_replaced_by_the_next_one(
    careful: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    person = Person(careful, "ada@example.com", "", {})
    await careful.post("/v1/auth/register", json=joining(password=STRANGERS))
    strangers = await newest_token(person, service_token, database, VERIFICATION)
    await careful.post("/v1/auth/register", json=joining())
    too_late = await use(careful, "verify", strangers, password=STRANGERS)
    assert problem(too_late) == (400, "invalid_mail_token")

    own = await newest_token(person, service_token, database, VERIFICATION)
    assert (await use(careful, "verify", own, password=PASSWORD)).status_code == 204

    assert (await log_in(careful, "ada@example.com", STRANGERS)).status_code == 401
    assert (await log_in(careful, "ada@example.com")).status_code == 200
    again = await careful.post("/v1/auth/register", json=joining(password=STRANGERS))
    assert (again.status_code, await changes(database)) == (202, ["registration_attempted"])
    assert (await log_in(careful, "ada@example.com")).status_code == 200


async def test_a_mail_that_is_answered_while_somebody_registers_anew_opens_with_one_of_both(
    careful: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    for number in range(4):
        person = Person(careful, f"ada{number}@example.com", "", {})
        await careful.post("/v1/auth/register", json=joining(person.email))
        token = await newest_token(person, service_token, database, VERIFICATION)
        proved, anew = await asyncio.gather(
            use(careful, "verify", token, password=PASSWORD),
            careful.post("/v1/auth/register", json=joining(person.email, STRANGERS)),
        )
        first_counts = proved.status_code == 204
        assert (proved.status_code in {204, 400}, anew.status_code) == (True, 202)
        assert (await log_in(careful, person.email)).is_success is first_counts
        assert (await log_in(careful, person.email, STRANGERS)).status_code == 401


async def test_registering_again_and_again_sends_few_mails_and_reads_alike(
    start_auth: StartAuth, service_token: ServiceToken, database: Database
) -> None:
    client = await start_auth(registration="verified", mails_per_account=2)
    person = Person(client, "ada@example.com", "", {})
    await client.post("/v1/auth/register", json=joining())
    token = await newest_token(person, service_token, database, VERIFICATION)
    await use(client, "verify", token, password=PASSWORD)
    for _ in range(3):
        again = await client.post("/v1/auth/register", json=joining())
        assert (again.status_code, again.content) == (202, b'{"next":"read_your_mail"}')
    for network in range(4):
        elsewhere = {"X-Forwarded-For": f"203.0.113.{network}"}
        again = await client.post("/v1/auth/register", json=joining(), headers=elsewhere)
        assert again.status_code == 202
    assert await changes(database) == ["registration_attempted"], "the other mail was the first"


async def test_strangers_registrations_keep_no_owner_from_theirs(
    start_auth: StartAuth, service_token: ServiceToken, database: Database
) -> None:
    client = await start_auth(registration="verified", mails_per_account=2)
    for network in range(4):
        strangers = {"X-Forwarded-For": f"203.0.113.{network}"}
        await client.post("/v1/auth/register", json=joining(password=STRANGERS), headers=strangers)

    await client.post("/v1/auth/register", json=joining())

    assert len(await told(database, VERIFICATION)) == 2
    person = Person(client, "ada@example.com", "", {})
    token = await newest_token(person, service_token, database, VERIFICATION)
    strangers_own = await use(client, "verify", token, password=STRANGERS)
    assert problem(strangers_own) == (401, "wrong_proof")
    assert (await use(client, "verify", token, password=PASSWORD)).status_code == 204

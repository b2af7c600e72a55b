import pytest
from sqlalchemy import func, select, update

from libs.database.session import Database
from libs.topology import SERVICES
from services.auth.models import MailRequest
from services.auth.service.minting import hash_of
from tests.auth.conftest import Person
from tests.auth.mails import ServiceToken, mint, told
from tests.auth.sessions import problem

REQUESTED = "identity.email_verification_requested.v1"


@pytest.fixture
async def request_id(ada: Person, database: Database) -> str:
    """The verification that registering asked for."""
    (event,) = await told(database, REQUESTED)
    assert event["user_id"] == ada.user_id
    return str(event["request_id"])


async def test_the_sender_of_a_mail_gets_its_token_at_sending(
    ada: Person, request_id: str, service_token: ServiceToken, database: Database
) -> None:
    response = await mint(ada.client, service_token("user", "auth"), request_id)

    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    token = response.json().pop("token")
    assert response.json() == {
        "user_id": ada.user_id,
        "purpose": "verify_email",
        "email": ada.email,
        "token": token,
        "expires_in": 24 * 3600,
    }
    async with database.transaction() as session:
        (row,) = (await session.execute(select(MailRequest.__table__))).all()
    assert token not in repr(row)
    assert row.token_hash == hash_of(token)


async def test_a_mail_sent_again_has_a_token_of_its_own(
    ada: Person, request_id: str, service_token: ServiceToken
) -> None:
    caller = service_token("user", "auth")
    first, second = [await mint(ada.client, caller, request_id) for _ in range(2)]
    assert first.json()["token"] != second.json()["token"]


@pytest.mark.parametrize("values", [{"done_at": func.now()}, {"expires_at": func.now()}])
async def test_no_mail_is_sent_for_a_request_that_is_over(
    ada: Person,
    request_id: str,
    service_token: ServiceToken,
    database: Database,
    values: dict[str, object],
) -> None:
    async with database.transaction() as session:
        await session.execute(update(MailRequest).values(values))
    response = await mint(ada.client, service_token("user", "auth"), request_id)
    assert problem(response) == (404, "mail_request_over")


async def test_no_mail_is_sent_for_an_unknown_request(
    ada: Person, service_token: ServiceToken
) -> None:
    response = await mint(ada.client, service_token("user", "auth"), "mrq_unknown")
    assert problem(response) == (404, "mail_request_over")


@pytest.mark.parametrize("caller", [service for service in SERVICES if service != "user"])
async def test_no_other_service_gets_a_token(
    ada: Person, request_id: str, service_token: ServiceToken, caller: str
) -> None:
    response = await mint(ada.client, service_token(caller, "auth"), request_id)
    assert problem(response) == (403, "caller_not_allowed")

import asyncio

import httpx
import pytest
import redis
from sqlalchemy import func, select, text

from libs.contracts.user import ErasureRequested
from libs.database.session import Database
from libs.messaging.processing import Processor
from libs.runtime.resources import Resources
from libs.testing.builders import envelope_of
from services.auth.consumers import handlers
from services.auth.models import MailRequest
from tests.auth.conftest import Person, log_in, register
from tests.auth.mails import ServiceToken
from tests.auth.test_email_addresses import CHANGE, ask_for_change, confirm_change, newest_token


async def forget(resources: Resources, person: Person) -> None:
    processor = Processor(
        consumer="auth-inbox",
        handlers=handlers(resources),
        database=resources.database,
        outbox_of=resources.outbox,
        transactions=2,
    )
    request = ErasureRequested(user_id=person.user_id, erasure_id="ers_1")
    await processor.process(envelope_of(request, source="user"))


@pytest.fixture
def resources(client: httpx.AsyncClient) -> Resources:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    app: object = transport.app
    held: Resources = app.state.resources  # type: ignore[attr-defined]  # a FastAPI application
    return held


async def rows(database: Database, user_id: str) -> dict[str, int]:
    """Count the rows of every table that names the user."""
    async with database.transaction() as session:
        columns = await session.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = current_schema() AND (column_name = 'user_id'"
                " OR (table_name = 'identities' AND column_name = 'id'))"
            )
        )
        found = {}
        for table, column in columns.all():
            count = await session.scalar(
                text(f"SELECT count(*) FROM {table} WHERE {column} = :id"),  # noqa: S608 - names of the catalogue
                {"id": user_id},
            )
            if count:
                found[str(table)] = int(count)
        return found


async def test_a_closed_account_lets_nobody_in_and_keeps_its_address(
    client: httpx.AsyncClient, ada: Person, resources: Resources, service_token: object
) -> None:
    token = service_token("user", "auth")  # type: ignore[operator]  # the fixture's function
    for _ in range(2):
        closed = await client.post(
            f"/v1/identities/{ada.user_id}/closure",
            headers={"Service-Authorization": f"Bearer {token}"},
        )
        assert closed.status_code == 204
    assert (await log_in(client, ada.email)).status_code == 401
    assert (await ada.refresh()).status_code == 401
    assert await resources.sessions.list_for(ada.user_id) == []
    taken = {"email": ada.email, "password": "another battery staple", "display_name": "Eve"}
    answer = await client.post("/v1/auth/register", json=taken)
    assert answer.status_code in {202, 409}


async def test_nothing_of_an_erased_account_is_left_but_its_tombstone(
    client: httpx.AsyncClient, ada: Person, resources: Resources, database: Database, redis_url: str
) -> None:
    await ada.log_in()
    await forget(resources, ada)
    assert await rows(database, ada.user_id) == {"erased_users": 1}
    with redis.Redis.from_url(redis_url) as opened:
        dumps = {key: opened.dump(key) or b"" for key in opened.scan_iter()}
    for secret in (ada.email.encode(), ada.user_id.encode()):
        assert [key for key, dump in dumps.items() if secret in key + dump] == []
    assert (await register(client, ada.email)).user_id != ada.user_id


async def addresses_in_wishes(database: Database) -> int:
    async with database.transaction() as session:
        with_address = select(func.count()).where(MailRequest.email.is_not(None))
        return await session.scalar(with_address) or 0


async def test_no_wish_for_a_mail_keeps_an_address_of_an_erased_account(
    ada: Person,
    resources: Resources,
    database: Database,
    service_token: ServiceToken,
) -> None:
    """Neither of one it wanted, nor of the one it had, nor what somebody asked for in vain."""
    old, other = ada.email, await register(ada.client)
    await ask_for_change(ada)
    await confirm_change(ada, await newest_token(ada, service_token, database, CHANGE))
    await ask_for_change(ada, "ada.third@example.com")
    await ask_for_change(ada, other.email)
    for address in (old, "nobody@example.com"):
        await ada.client.post("/v1/auth/password/forgot", json={"email": address})
    assert await addresses_in_wishes(database) == 3, "two it wanted, and the old one to be told"

    await forget(resources, ada)
    assert await addresses_in_wishes(database) == 0


async def test_an_erasure_told_twice_at_once_is_one(
    ada: Person, resources: Resources, database: Database
) -> None:
    await asyncio.gather(forget(resources, ada), forget(resources, ada))
    assert await rows(database, ada.user_id) == {"erased_users": 1}

import asyncio

import httpx
import pytest
import redis
from sqlalchemy import text

from libs.contracts.user import ErasureRequested
from libs.database.session import Database
from libs.messaging.processing import Processor
from libs.runtime.resources import Resources
from libs.testing.builders import envelope_of
from services.auth.consumers import handlers
from tests.auth.conftest import Person, log_in, register


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


async def test_an_erasure_told_twice_at_once_is_one(
    ada: Person, resources: Resources, database: Database
) -> None:
    await asyncio.gather(forget(resources, ada), forget(resources, ada))
    assert await rows(database, ada.user_id) == {"erased_users": 1}

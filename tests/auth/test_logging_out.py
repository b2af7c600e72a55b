"""Sessions end when their owner says so: one, all, or one of a list."""

from datetime import timedelta

import httpx
import pytest

from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore
from libs.clock import utc_now
from libs.database.session import Database
from libs.testing.servers import REDIS_PATIENCE
from libs.testing.waiting import FrozenClock
from services.auth.service.housekeeping import end_again
from tests.auth.conftest import PASSWORD, Person, StartAuth, register
from tests.auth.factors import enrol_app, step_up
from tests.auth.races import begin_for_client
from tests.auth.sessions import is_recorded, let_time_pass, live_sessions, problem


async def test_logging_out_ends_this_session_only(ada: Person, redis_url: str) -> None:
    other = await ada.log_in()

    response = await ada.client.post("/v1/auth/logout", headers=ada.headers)

    assert response.status_code == 204
    assert not await is_recorded(redis_url, ada)
    assert problem(await ada.refresh())[0] == 401
    assert (await other.refresh()).status_code == 200
    assert (await ada.client.post("/v1/auth/logout", headers=ada.headers)).status_code == 204


async def test_logging_out_everywhere_ends_every_session_and_nobody_elses(
    ada: Person, redis_url: str
) -> None:
    phone = await ada.log_in()
    bob = await (await register(ada.client)).log_in()

    response = await ada.client.post("/v1/auth/logout-all", headers=ada.headers)

    assert response.status_code == 204
    for person in (ada, phone):
        assert not await is_recorded(redis_url, person)
        assert problem(await person.refresh())[0] == 401
    assert await is_recorded(redis_url, bob)
    assert (await bob.refresh()).status_code == 200


async def test_leaving_while_redis_is_away_is_finished_by_trying_again(
    ada: Person, start_auth: StartAuth, redis_url: str
) -> None:
    away = await start_auth(redis_url="redis://127.0.0.1:1/0")
    refused = await away.post("/v1/auth/logout", headers=ada.headers)
    assert problem(refused) == (503, "session_store_unavailable")
    assert problem(await ada.refresh())[0] == 401
    assert await is_recorded(redis_url, ada)

    await ada.client.post("/v1/auth/logout", headers=ada.headers)
    assert not await is_recorded(redis_url, ada)


async def test_ending_every_session_waits_for_redis_to_come_back(
    ada: Person, start_auth: StartAuth
) -> None:
    away = await start_auth(redis_url="redis://127.0.0.1:1/0")
    refused = await away.post("/v1/auth/logout-all", headers=ada.headers)
    assert problem(refused) == (503, "session_store_unavailable")
    assert (await ada.refresh()).status_code == 200


@pytest.mark.parametrize("second_factor", [False, True], ids=["password", "app"])
async def test_whoever_ends_other_sessions_proves_first_who_they_are(
    ada: Person, database: Database, code_clock: FrozenClock, *, second_factor: bool
) -> None:
    proof: dict[str, str] = {"password": PASSWORD}
    if second_factor:
        app, _ = await enrol_app(ada, code_clock)
        proof = {"totp": app.code()}
    phone = await begun_elsewhere(ada, database)
    await let_time_pass(database, minutes=6)
    ada.tokens |= (await ada.refresh()).json()
    requests = [("DELETE", f"/v1/sessions/{phone}"), ("POST", "/v1/auth/logout-all")]

    for method, path in requests:
        refused = await ada.client.request(method, path, headers=ada.headers)
        assert problem(refused) == (401, "insufficient_user_authentication")
    assert await live_sessions(database) == 2
    ada.tokens |= (await step_up(ada, **proof)).json()
    for method, path in requests:
        assert (await ada.client.request(method, path, headers=ada.headers)).status_code == 204

    assert await live_sessions(database) == 0


@pytest.mark.parametrize("by_name", [False, True], ids=["logout", "by its id"])
async def test_leaving_takes_no_proof(ada: Person, database: Database, *, by_name: bool) -> None:
    await let_time_pass(database, minutes=6)
    ada.tokens |= (await ada.refresh()).json()
    path = f"/v1/sessions/{ada.tokens['session_id']}" if by_name else "/v1/auth/logout"

    left = await ada.client.request("DELETE" if by_name else "POST", path, headers=ada.headers)

    assert left.status_code == 204
    assert await live_sessions(database) == 0


async def begun_elsewhere(person: Person, database: Database) -> str:
    """Begin a session of the person's elsewhere; return its id."""
    async with database.transaction() as session:
        await begin_for_client(session, person)
    listed = await person.client.get("/v1/sessions", headers=person.headers)
    return next(str(one["session_id"]) for one in listed.json()["items"] if not one["current"])


async def test_sessions_are_listed_newest_use_first(ada: Person) -> None:
    phone = await ada.log_in(**{"User-Agent": "phone"})

    response = await ada.client.get("/v1/sessions", headers=ada.headers)

    assert response.headers["Cache-Control"] == "private, no-store"
    items = response.json()["items"]
    assert [item["session_id"] for item in items] == [
        phone.tokens["session_id"],
        ada.tokens["session_id"],
    ]
    assert [item["current"] for item in items] == [False, True]
    assert items[0]["user_agent"] == "phone"


async def test_a_session_can_be_ended_by_its_owner(ada: Person, redis_url: str) -> None:
    phone = await ada.log_in()
    path = f"/v1/sessions/{phone.tokens['session_id']}"

    assert (await ada.client.delete(path, headers=ada.headers)).status_code == 204
    assert (await ada.client.delete(path, headers=ada.headers)).status_code == 204
    assert not await is_recorded(redis_url, phone)
    assert problem(await phone.refresh())[0] == 401
    listed = await ada.client.get("/v1/sessions", headers=ada.headers)
    assert len(listed.json()["items"]) == 1


async def test_somebody_elses_session_looks_like_none(ada: Person) -> None:
    bob = await (await register(ada.client)).log_in()

    for session_id in (bob.tokens["session_id"], "ses_unknown"):
        response = await ada.client.delete(f"/v1/sessions/{session_id}", headers=ada.headers)
        assert problem(response) == (404, "session_not_found")
    assert (await bob.refresh()).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/auth/logout"),
        ("POST", "/v1/auth/logout-all"),
        ("GET", "/v1/sessions"),
        ("DELETE", "/v1/sessions/ses_1"),
    ],
)
async def test_session_operations_need_a_token(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path)
    assert problem(response) == (401, "authentication_required")
    response = await client.request(method, path, headers={"Authorization": "Bearer x.y.z"})
    assert problem(response) == (401, "invalid_token")


async def test_a_session_that_a_replica_of_redis_brings_back_is_ended_again(
    ada: Person, redis_url: str, database: Database
) -> None:
    redis = open_redis(redis_url, REDIS_PATIENCE)
    store = SessionStore(redis)
    record = await store.get(ada.tokens["session_id"])
    assert record is not None
    await ada.client.post("/v1/auth/logout", headers=ada.headers)
    await store.put(record.session_id, record, 3600, utc_now() + timedelta(hours=1))
    others = record.model_copy(update={"session_id": "ses_of_somebody_else"})
    await store.put(others.session_id, others, 3600, utc_now() + timedelta(hours=1))

    await end_again(database, store)

    assert await store.get(record.session_id) is None
    assert await store.get(others.session_id) is not None
    await redis.aclose()


async def test_ending_a_session_takes_one_connection_of_the_pool(start_auth: StartAuth) -> None:
    client = await start_auth(database_pool_size=1)
    ada = await (await register(client)).log_in()
    path = f"/v1/sessions/{ada.tokens['session_id']}"
    headers = {**ada.headers, "Idempotency-Key": "end"}
    assert (await client.delete(path, headers=headers)).status_code == 204

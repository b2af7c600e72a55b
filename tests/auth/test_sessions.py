"""Refreshing: a new pair for the same session, and an end to the family of a token that was used twice."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, text, update

from libs.database.session import Database
from libs.runtime.resources import open_resources
from libs.testing.plugin import SettingsFor
from libs.testing.waiting import eventually
from services.auth.models import Identity, RefreshFamily, RefreshToken
from services.auth.worker import worker_plan
from tests.auth.conftest import Person, StartAuth
from tests.auth.mails import changes, told
from tests.auth.sessions import flush, is_recorded, let_time_pass, problem, states
from tests.recorded import recorded


async def test_a_refresh_gives_a_new_pair_for_the_same_session(ada: Person) -> None:
    response = await ada.refresh()

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    fresh = response.json()
    assert fresh["session_id"] == ada.tokens["session_id"]
    assert fresh["refresh_token"] != ada.tokens["refresh_token"]
    assert fresh["access_token"] != ada.tokens["access_token"]
    listed = await ada.client.get(
        "/v1/sessions", headers={"Authorization": f"Bearer {fresh['access_token']}"}
    )
    assert len(listed.json()["items"]) == 1


async def test_an_unknown_token_is_refused(ada: Person) -> None:
    for unknown in ("x", "A" * 43, ada.tokens["access_token"][:200], ada.tokens["session_id"]):
        assert problem(await ada.refresh(unknown)) == (401, "invalid_refresh_token")


async def test_a_lost_answer_may_be_asked_for_again_within_ten_seconds(
    ada: Person, database: Database
) -> None:
    lost = (await ada.refresh()).json()
    retried = await ada.refresh()

    assert retried.status_code == 200
    assert retried.json()["refresh_token"] != lost["refresh_token"]
    assert await states(database) == {"used": 1, "void": 1, "live": 1}
    ada.tokens = retried.json()
    assert (await ada.refresh()).status_code == 200


async def test_a_copy_used_later_ends_the_family(
    ada: Person, database: Database, redis_url: str
) -> None:
    stolen = ada.tokens["refresh_token"]
    ada.tokens = (await ada.refresh()).json()
    await let_time_pass(database, seconds=11)

    assert problem(await ada.refresh(stolen)) == (401, "invalid_refresh_token")
    assert problem(await ada.refresh()) == (401, "invalid_refresh_token")
    assert not await is_recorded(redis_url, ada)
    async with database.transaction() as session:
        assert await session.scalar(select(RefreshFamily.revoked_because)) == "reuse"


async def test_a_reuse_is_told_to_the_owner_once_however_many_try(
    ada: Person, database: Database
) -> None:
    stolen = ada.tokens["refresh_token"]
    await ada.refresh()
    await let_time_pass(database, seconds=11)
    before = await _version(database)

    refused = await asyncio.gather(*(ada.refresh(stolen) for _ in range(10)))

    assert {response.status_code for response in refused} == {401}
    assert await told(database, "identity.security_changed.v1") == [
        {"user_id": ada.user_id, "change": "refresh_token_reused", "request_id": None}
    ]
    assert await _version(database) == before + 1
    assert [action for action, _, _ in await recorded(database)].count("refresh_token.reused") == 1


async def test_a_lost_answer_asked_for_again_alarms_nobody(ada: Person, database: Database) -> None:
    await ada.refresh()
    assert (await ada.refresh()).status_code == 200
    assert await changes(database) == []


async def test_a_reuse_amid_password_changes_waits_for_them_and_ends_the_family(
    ada: Person, database: Database
) -> None:
    stolen = ada.tokens["refresh_token"]
    await ada.refresh()
    await let_time_pass(database, seconds=11)
    async with database.transaction() as session:
        await session.execute(select(Identity.id).with_for_update())
        reuse = asyncio.create_task(ada.refresh(stolen))
        await eventually(lambda: _waits_for_a_lock(database))
        # Who changes an account ends its sessions next: nobody may hold those and wait for it.
        await session.execute(select(RefreshFamily.id).with_for_update(nowait=True))

    assert (await reuse).status_code == 401
    assert await changes(database) == ["refresh_token_reused"]


async def test_a_copy_used_after_the_owner_went_on_ends_the_family_even_in_the_grace(
    ada: Person,
) -> None:
    stolen = ada.tokens["refresh_token"]
    ada.tokens = (await ada.refresh()).json()
    ada.tokens = (await ada.refresh()).json()

    assert problem(await ada.refresh(stolen))[0] == 401
    assert problem(await ada.refresh())[0] == 401


async def test_whoever_lost_the_race_in_the_grace_ends_the_family_by_going_on(
    ada: Person,
) -> None:
    thief, owner = (await ada.refresh()).json(), (await ada.refresh()).json()

    assert problem(await ada.refresh(thief["refresh_token"]))[0] == 401
    assert problem(await ada.refresh(owner["refresh_token"]))[0] == 401


async def test_a_reuse_ends_that_session_only(ada: Person, database: Database) -> None:
    other = await ada.log_in()
    stolen = ada.tokens["refresh_token"]
    await ada.refresh()
    await let_time_pass(database, seconds=11)
    await ada.refresh(stolen)

    assert (await other.refresh()).status_code == 200


async def test_fifty_uses_at_once_leave_exactly_one_live_successor(
    ada: Person, database: Database
) -> None:
    responses = await asyncio.gather(*(ada.refresh() for _ in range(50)))

    assert {response.status_code for response in responses} == {200}
    assert await states(database) == {"used": 1, "void": 49, "live": 1}
    async with database.transaction() as session:
        assert await session.scalar(select(RefreshFamily.revoked_at)) is None
    given = [response.json()["refresh_token"] for response in responses]
    assert len(set(given)) == 50


@pytest.mark.parametrize("delta", [{"days": 7}, {"days": 31}])
async def test_a_session_ends_when_idle_or_old(
    ada: Person, database: Database, delta: dict[str, float]
) -> None:
    await let_time_pass(database, **delta)
    assert problem(await ada.refresh()) == (401, "invalid_refresh_token")


async def test_use_keeps_a_session_from_idling_but_not_from_its_end(
    ada: Person, database: Database
) -> None:
    for _ in range(4):
        await let_time_pass(database, days=6)
        response = await ada.refresh()
        assert response.status_code == 200
        ada.tokens = response.json()
    await let_time_pass(database, days=6)
    assert problem(await ada.refresh())[0] == 401


async def test_a_disabled_account_refreshes_nothing(ada: Person, database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(Identity).values(status="disabled"))
    assert problem(await ada.refresh())[0] == 401


async def test_roles_are_read_again_at_each_refresh(ada: Person, database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(Identity).values(roles=["customer", "admin"]))
    token = (await ada.refresh()).json()["access_token"]
    assert len(token) > len(ada.tokens["access_token"])


async def test_a_refresh_restores_the_record_after_a_flush(ada: Person, redis_url: str) -> None:
    await flush(redis_url)
    assert not await is_recorded(redis_url, ada)

    await ada.refresh()

    assert await is_recorded(redis_url, ada)


async def test_a_refresh_racing_a_logout_never_leaves_a_live_record(
    ada: Person, redis_url: str
) -> None:
    for _ in range(10):
        person = await ada.log_in()
        await asyncio.gather(
            person.refresh(),
            person.client.post("/v1/auth/logout", headers=person.headers),
            person.refresh(),
        )
        assert not await is_recorded(redis_url, person)


async def test_without_redis_a_refresh_still_works(ada: Person, start_auth: StartAuth) -> None:
    elsewhere = await start_auth(redis_url="redis://127.0.0.1:1/0")
    ada.client = elsewhere
    response = await ada.refresh()
    assert response.status_code == 200


async def test_without_redis_a_reuse_still_ends_the_family(
    ada: Person, start_auth: StartAuth, database: Database
) -> None:
    stolen = ada.tokens["refresh_token"]
    await ada.refresh()
    await let_time_pass(database, seconds=11)
    ada.client = await start_auth(redis_url="redis://127.0.0.1:1/0")

    assert problem(await ada.refresh(stolen))[0] == 401
    async with database.transaction() as session:
        assert await session.scalar(select(RefreshFamily.revoked_because)) == "reuse"


@pytest.mark.parametrize("body", [{}, {"refresh_token": 1}, {"refresh_token": "x" * 201}, []])
async def test_a_malformed_refresh_is_422(client: httpx.AsyncClient, body: object) -> None:
    response = await client.post("/v1/auth/refresh", json=body)
    assert response.status_code == 422
    assert "xxx" not in response.text


async def test_what_ended_long_ago_is_forgotten(
    ada: Person, database: Database, settings_for: SettingsFor
) -> None:
    await ada.refresh()
    phone = await ada.log_in()
    async with database.transaction() as session:
        old = func.now() - timedelta(days=31)
        await session.execute(
            update(RefreshFamily)
            .where(RefreshFamily.session_id == phone.tokens["session_id"])
            .values(revoked_at=old)
        )
        await session.execute(
            update(RefreshToken).where(RefreshToken.state == "used").values(created_at=old)
        )

    async with open_resources(settings_for("auth")) as resources:
        timers = {timer.name: timer for timer in worker_plan(resources).timers}
        await timers["forget-old"].run()

    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(RefreshFamily)) == 1
    assert await states(database) == {"live": 1}


async def _version(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.scalars(select(Identity.version))).one()


async def _waits_for_a_lock(database: Database) -> bool:
    async with database.transaction() as session:
        waiting = text(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(await session.scalar(waiting))

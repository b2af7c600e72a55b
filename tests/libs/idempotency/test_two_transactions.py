"""Crashes and stalls between the two transactions."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest
from fastapi import Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from libs.database.session import Database, DatabaseUnreachableError
from libs.idempotency.errors import LeaseLost
from libs.idempotency.reply import Reply
from libs.idempotency.two_transactions import Claim, ResumableRequired, _telling
from libs.privacy.columns import attach, keys_of
from libs.testing.waiting import eventually
from tests.libs.idempotency.conftest import CalleeAway, Made, OutOfStock, Shop, conflict

POOL_SIZE = 10


async def crash(shop: Shop) -> None:
    """Claim and call, then die before the second transaction."""
    shop.gate = asyncio.Event()
    request = asyncio.create_task(shop.post("/two"))
    await eventually(lambda: shop.calls)
    request.cancel()
    await asyncio.wait({request})
    shop.gate = None


async def test_a_retry_after_a_crash_resumes_with_the_same_id_once_the_lease_is_over(
    shop: Shop,
) -> None:
    await crash(shop)
    during = await shop.post("/two")
    assert during.status_code == 409
    assert len(shop.calls) == 1
    await shop.end_leases()
    after = await shop.post("/two")
    assert after.status_code == 201
    assert shop.calls[0] == shop.calls[1] == after.json()["made_id"]
    assert shop.calls[0].startswith("ord_")
    assert shop.resumed == [False, True]
    assert await shop.made() == 1


async def test_only_one_of_many_retries_resumes(shop: Shop) -> None:
    await crash(shop)
    await shop.end_leases()
    answers = await asyncio.gather(*(shop.post("/two") for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(shop.calls) == 2
    assert await shop.made() == 1


async def test_a_stalled_worker_cannot_complete_after_another_has_resumed(shop: Shop) -> None:
    shop.before_completion = asyncio.Event()
    stalled = asyncio.create_task(shop.post("/two"))
    await eventually(lambda: shop.calls)
    stall, shop.before_completion = shop.before_completion, None
    await shop.end_leases()
    resumed = await shop.post("/two")
    assert resumed.status_code == 201
    await shop.sql.execute("DELETE FROM made")  # its effect would succeed, but for the fence
    stall.set()
    late = await stalled
    assert (late.status_code, late.json()["code"]) == (409, "idempotency_lease_lost")
    assert late.headers["Retry-After"] == "1"
    assert await shop.made() == 0
    assert (await shop.post("/two")).content == resumed.content


async def test_a_stalled_worker_cannot_complete_while_another_works(shop: Shop) -> None:
    shop.before_completion = asyncio.Event()
    stalled = asyncio.create_task(shop.post("/two"))
    await eventually(lambda: len(shop.calls) == 1)
    first, shop.before_completion = shop.before_completion, asyncio.Event()
    await shop.end_leases()
    resuming = asyncio.create_task(shop.post("/two"))
    await eventually(lambda: len(shop.calls) == 2)
    first.set()
    assert (await stalled).status_code == 409
    shop.before_completion.set()
    assert (await resuming).status_code == 201
    assert await shop.made() == 1


async def test_a_slow_worker_that_nobody_replaced_may_still_complete(shop: Shop) -> None:
    shop.before_completion = asyncio.Event()
    slow = asyncio.create_task(shop.post("/two"))
    await eventually(lambda: shop.calls)
    await shop.end_leases()
    shop.before_completion.set()
    assert (await slow).status_code == 201
    assert await shop.made() == 1


async def test_after_an_unknown_error_the_claim_stays_until_its_lease_ends(shop: Shop) -> None:
    shop.failure = ZeroDivisionError()
    assert (await shop.post("/two")).status_code == 500
    shop.failure = None
    assert (await shop.post("/two")).status_code == 409
    await shop.end_leases()
    assert (await shop.post("/two")).status_code == 201
    assert shop.calls[0] == shop.calls[1]


@pytest.mark.parametrize(
    "failure",
    [
        CalleeAway("later"),
        conflict(),
        DBAPIError("UPDATE", None, asyncpg.LockNotAvailableError("waited too long")),
        PoolTimeoutError("no connection"),
        DatabaseUnreachableError("the server stopped answering"),
    ],
)
async def test_a_retry_resumes_at_once_with_the_same_id_when_it_may(
    shop: Shop, failure: Exception
) -> None:
    shop.failure = failure
    assert (await shop.post("/two")).status_code >= 500
    shop.failure = None
    assert (await shop.post("/two")).status_code == 201
    assert shop.calls[0] == shop.calls[1]


async def test_no_connection_is_held_while_others_are_called(shop: Shop) -> None:
    shop.gate = asyncio.Event()
    requests = [asyncio.create_task(shop.post("/two", key=f"k{i}")) for i in range(30)]
    await eventually(lambda: len(shop.calls) == 30)  # three times the pool
    open_transactions = await shop.sql.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    )
    shop.gate.set()
    assert open_transactions == 0
    assert {answer.status_code for answer in await asyncio.gather(*requests)} == {201}


async def test_a_better_answer_replaces_the_stored_one(shop: Shop) -> None:
    first = await shop.post("/two")
    claim = shop.claims[0]
    better = Made(made_id=claim.resource_id, sku="confirmed")
    await claim.replace(Reply(200, better, {"ETag": '"2"'}))
    again = await shop.post("/two")
    assert first.status_code == 201
    assert (again.status_code, again.headers["ETag"]) == (200, '"2"')
    assert again.json()["sku"] == "confirmed"


async def test_losing_a_better_answer_costs_nothing_else(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    await shop.post("/two")
    claim = shop.claims[0]
    async with shop.database.transaction() as session:
        keys = keys_of(session)
    away = Database("postgresql://x@127.0.0.1:9/x", application_name="away")
    attach(away, keys)
    claim._database = away
    await claim.replace(Reply(200, None))
    await away.close()
    assert "late_answer_not_stored" in caplog.text
    assert (await shop.post("/two")).status_code == 201


async def test_a_claim_is_given_up_although_requests_hold_every_connection(shop: Shop) -> None:
    await crash(shop)
    claim = shop.claims[-1]
    async with AsyncExitStack() as requests:
        for _ in range(POOL_SIZE):
            session = await requests.enter_async_context(shop.database.transaction())
            await session.execute(text("SELECT 1"))
        await claim.expire()
        assert not _telling, "it waited for none of them"
    assert (await shop.post("/two")).status_code == 201
    assert shop.resumed[-1], "at once, and under the same id"


async def test_a_claim_is_given_up_as_soon_as_the_database_is_back(shop: Shop) -> None:
    await crash(shop)
    claim = shop.claims[-1]
    away = Database("postgresql://x@127.0.0.1:9/x", application_name="away")
    claim._database = away
    await claim.expire()
    assert _telling, "the refusal is answered meanwhile"
    claim._database = shop.database
    await eventually(lambda: not _telling)
    await away.close()
    assert (await shop.post("/two")).status_code == 201


async def test_completing_twice_is_refused(shop: Shop) -> None:
    await shop.post("/two")
    async with shop.database.transaction() as session:
        with pytest.raises(LeaseLost):
            await shop.claims[0].complete(session, Reply(204, None))


async def test_work_that_forgets_to_complete_is_a_programming_error(shop: Shop) -> None:
    @shop.app.post("/forgetful")
    async def forgetful(resumable: ResumableRequired) -> Response:
        async def work(claim: Claim) -> Reply:
            return Reply(204, None)

        return await resumable.run("ord", work)

    assert (await shop.post("/forgetful")).status_code == 500


async def test_a_commit_whose_answer_was_lost_is_answered_to_the_retry(shop: Shop) -> None:
    @shop.app.post("/lost")
    async def lost(resumable: ResumableRequired) -> Response:
        async def work(claim: Claim) -> Reply:
            shop.calls.append(claim.resource_id)
            async with shop.database.transaction() as session:
                await claim.complete(session, Reply(204, None))
            raise DatabaseUnreachableError("the server stopped answering")

        return await resumable.run("ord", work)

    assert (await shop.post("/lost")).status_code == 500
    again = await shop.post("/lost")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (204, "true")
    assert len(shop.calls) == 1


async def test_a_rolled_back_completion_does_not_count(shop: Shop) -> None:
    @shop.app.post("/failing")
    async def failing(resumable: ResumableRequired) -> Response:
        async def work(claim: Claim) -> Reply:
            shop.claims.append(claim)
            async with shop.database.transaction() as session:
                await claim.complete(session, Reply(204, None))
                raise OutOfStock("none left")

        return await resumable.run("ord", work)

    assert (await shop.post("/failing")).status_code == 409
    assert not shop.claims[0].completed
    assert await shop.keys() == 0

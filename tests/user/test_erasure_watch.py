"""The age of what is not finished is shown by state, and is 0 again afterwards."""

import pytest

from services.user.domain.erasure import OTHERS
from services.user.service.erasure_watch import ErasureWatch
from tests.user.conftest import USER, Headers, Running
from tests.user.test_erasure import answer_of, asked, drive, sql

A_DAY = 86_400.0


async def ages(running: Running) -> dict[object, float]:
    watch = ErasureWatch(running.resources.database)
    await watch.refresh()
    return {(one.attributes or {})["state"]: one.value for one in watch.observations()}


async def let_a_day_pass(running: Running) -> None:
    for table in ("erasures", "erased_users"):
        moved = f"UPDATE {table} SET requested_at = requested_at - interval '1 day' RETURNING 1"  # noqa: S608 - one of two names
        await sql(running, moved)


async def test_an_erasure_that_waits_grows_older_until_it_is_finished(
    running: Running, headers: Headers
) -> None:
    nothing = {"requested": 0.0, "held": 0.0, "running": 0.0}
    assert await ages(running) == nothing

    body = await asked(running, headers)
    await let_a_day_pass(running)
    assert await ages(running) == {**nothing, "requested": pytest.approx(A_DAY, abs=600)}

    running.auth.open_orders[USER] = 1
    await drive(running)
    assert await ages(running) == {**nothing, "held": pytest.approx(A_DAY, abs=600)}

    running.auth.open_orders.clear()
    await drive(running)
    begun = await ages(running)
    assert begun == {**nothing, "running": pytest.approx(0, abs=600)}, "it runs since it began"
    await let_a_day_pass(running)
    assert await ages(running) == {**nothing, "running": pytest.approx(A_DAY, abs=600)}

    for service in OTHERS:
        await answer_of(running, service, body["erasure_id"])
    assert await ages(running) == nothing

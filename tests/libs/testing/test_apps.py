import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI

from libs.testing.apps import client_of, running


def app_with(events: list[str], fail_at: str = "") -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup():  # may only be left by the task that entered it
            events.append("start")
            if fail_at == "start":
                raise ZeroDivisionError
            yield
            events.append("stop")
            if fail_at == "stop":
                raise ZeroDivisionError

    app = FastAPI(lifespan=lifespan)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    return app


async def test_the_lifespan_surrounds_the_requests() -> None:
    events: list[str] = []
    async with client_of(app_with(events)) as client:
        assert events == ["start"]
        assert (await client.get("/missing")).status_code == 404
    assert events == ["start", "stop"]


async def test_start_and_stop_may_be_asked_for_by_different_tasks() -> None:
    events: list[str] = []
    context = running(app_with(events))
    await asyncio.create_task(context.__aenter__())
    await asyncio.create_task(context.__aexit__(None, None, None))
    assert events == ["start", "stop"]


async def test_an_unhandled_error_answers_500_as_in_production() -> None:
    async with client_of(app_with([])) as client:
        assert (await client.get("/broken")).status_code == 500


@pytest.mark.parametrize("phase", ["start", "stop"])
async def test_a_lifespan_that_fails_fails_the_test(phase: str) -> None:
    async def use() -> None:
        async with running(app_with([], phase)):
            pass

    with pytest.raises(RuntimeError, match="failed"):
        await use()

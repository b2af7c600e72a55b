"""How long a caller waits is known inside: work nobody waits for is not started, writes that began are finished."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import StreamingResponse

from libs.deadline import remaining_seconds, require_time
from libs.web.admission import only_waiting
from tests.libs.web.conftest import AppOf, client_of


def left_now() -> float:
    left = remaining_seconds()
    assert left is not None
    return left


async def past_the_deadline() -> None:
    """Work for as long as the caller waits and a little longer."""
    await asyncio.sleep(left_now() + 0.01)


@pytest.fixture
def timed(app_of: AppOf) -> FastAPI:
    router = APIRouter()

    @router.get("/left")
    async def left() -> float | None:
        return remaining_seconds()

    @router.get("/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    @router.get("/own-timeout")
    async def own_timeout() -> None:
        raise TimeoutError

    @router.get("/long-answer")
    async def long_answer() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"a"
            await past_the_deadline()
            yield b"b"

        return StreamingResponse(chunks())

    app = app_of(router)
    _add_late_work(app)
    return app


def _add_late_work(app: FastAPI) -> None:
    @app.post("/write")
    async def write() -> str:
        await past_the_deadline()
        app.state.written = True
        return "written"

    @app.post("/gives-up")
    async def gives_up() -> None:
        await past_the_deadline()
        require_time()

    @app.post("/waits")
    async def waits() -> str:
        before = left_now()
        with only_waiting():
            await asyncio.sleep(2 * before)
        return "in time" if left_now() > 0 else "late"

    @app.post("/fails-late")
    async def fails_late() -> None:
        await past_the_deadline()
        raise ZeroDivisionError


async def asked(app: FastAPI, method: str, path: str, milliseconds: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.request(method, path, headers={"Request-Timeout": milliseconds})


async def test_a_deadline_is_known_inside_and_capped(timed: FastAPI) -> None:
    left = (await asked(timed, "GET", "/left", "15000")).json()
    assert 7 < left <= 15
    assert 30 < (await asked(timed, "GET", "/left", "9" * 40)).json() <= 60
    for nonsense in ("", "-5", "1.5", "soon", "²"):
        async with client_of(timed) as client:
            answer = await client.get("/left", headers=[(b"Request-Timeout", nonsense.encode())])
        assert answer.json() is None


async def test_work_nobody_waits_for_is_not_started(timed: FastAPI) -> None:
    answer = await asked(timed, "POST", "/write", "0")
    assert answer.status_code == 504
    assert answer.json()["code"] == "deadline_exceeded"


async def test_a_read_past_its_deadline_is_broken_off(timed: FastAPI) -> None:
    assert (await asked(timed, "GET", "/slow", "30")).status_code == 504


async def test_a_write_that_began_is_finished_without_its_caller(timed: FastAPI) -> None:
    answer = await asked(timed, "POST", "/write", "300")
    assert answer.status_code == 504
    assert answer.json()["code"] == "deadline_exceeded"
    assert "Idempotency-Key" in answer.json()["detail"]
    assert timed.state.written
    assert (await asked(timed, "POST", "/gives-up", "300")).status_code == 504


async def test_a_write_that_fails_after_its_deadline_is_logged_and_answered_once(
    timed: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await asked(timed, "POST", "/fails-late", "300")).status_code == 504
    assert "work_failed_after_its_deadline" in caplog.text


async def test_a_deadline_stands_still_while_the_caller_chose_to_wait(timed: FastAPI) -> None:
    answer = await asked(timed, "POST", "/waits", "500")
    assert (answer.status_code, answer.json()) == (200, "in time")


async def test_an_answer_that_began_may_take_its_time(timed: FastAPI) -> None:
    assert (await asked(timed, "GET", "/long-answer", "300")).content == b"ab"


async def test_a_timeout_of_the_operations_own_is_a_bug_not_a_deadline(timed: FastAPI) -> None:
    assert (await asked(timed, "GET", "/own-timeout", "15000")).status_code == 500

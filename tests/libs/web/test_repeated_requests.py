"""A request whose transaction lost to another one is run again whole, until its answer begins."""

from collections.abc import AsyncIterator
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, Request
from sqlalchemy.exc import DBAPIError
from starlette.responses import StreamingResponse

from libs.observability.metrics import render_metrics
from libs.web.strict import RequestModel
from tests.libs.web.conftest import AppOf, client_of


class Conflict(Exception):
    sqlstate = "40001"


def conflict() -> DBAPIError:
    return DBAPIError("COMMIT", {}, Conflict())


class Lines(RequestModel):
    lines: list[str]


class Scripted:
    """An operation that loses its transaction a given number of times."""

    def __init__(self, losses: int) -> None:
        self.left = losses
        self.bodies: list[list[str]] = []
        self.seen_marks: list[object] = []

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1")

        async def transaction(request: Request) -> AsyncIterator[None]:
            self.seen_marks.append(getattr(request.state, "mark", None))
            request.state.mark = "left by an attempt"
            yield
            if self.left:
                self.left -= 1
                raise conflict()

        @router.post("/orders/{order_id}")
        async def place(
            order_id: str, body: Lines, _: Annotated[None, Depends(transaction, scope="function")]
        ) -> list[str]:
            self.bodies.append(body.lines)
            return [order_id, *body.lines]

        return router


async def test_a_request_that_loses_its_commit_is_run_again_whole(app_of: AppOf) -> None:
    scripted = Scripted(losses=2)
    async with client_of(app_of(scripted.router())) as client:
        answer = await client.post("/v1/orders/ord_1", json={"lines": ["a", "b"]})
    assert answer.status_code == 200
    assert answer.json() == ["ord_1", "a", "b"]
    assert scripted.bodies == [["a", "b"]] * 3
    assert scripted.seen_marks == [None] * 3, "nothing is left over from a lost attempt"
    assert "/v1/orders/{order_id}" in render_metrics()[0].decode()


async def test_a_request_that_always_loses_is_told_to_come_back(app_of: AppOf) -> None:
    scripted = Scripted(losses=99)
    async with client_of(app_of(scripted.router())) as client:
        answer = await client.post("/v1/orders/ord_1", json={"lines": []})
    assert answer.status_code == 503
    assert answer.json()["code"] == "transaction_conflict"
    assert len(scripted.bodies) == 3


async def test_an_answer_that_began_is_never_run_again(app_of: AppOf) -> None:
    router = APIRouter()
    runs = 0

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            nonlocal runs
            runs += 1
            yield b"first"
            raise conflict()

        return StreamingResponse(chunks())

    async with client_of(app_of(router)) as client:
        with pytest.raises(DBAPIError):
            await client.get("/stream")
    assert runs == 1

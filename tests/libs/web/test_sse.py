"""Streams of server-sent events: what is on the wire, and that nothing is left running afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from libs.web.sse import ServerEvent, event_stream, last_event_id
from libs.web.strict import ResponseModel
from tests.libs.web.conftest import AppOf, client_of, serving


class Status(ResponseModel):
    status: str


class Source:
    """Gives events out as they are put in, and notes when it is closed."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[ServerEvent | None] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def events(self) -> AsyncIterator[ServerEvent]:
        try:
            while (event := await self.queue.get()) is not None:
                yield event
        finally:
            self.closed.set()

    def router(self, stop: asyncio.Event, **limits: float) -> APIRouter:
        router = APIRouter()

        @router.get("/events")
        async def stream() -> StreamingResponse:
            return event_stream(self.events(), stop=stop, **limits)

        return router


@asynccontextmanager
async def listening(address: str) -> AsyncIterator[AsyncIterator[str]]:
    async with (
        httpx.AsyncClient(base_url=address) as client,
        client.stream("GET", "/events") as answer,
    ):
        yield answer.aiter_text()


def test_an_event_is_written_line_by_line_and_nobody_can_forge_one() -> None:
    event = ServerEvent("one\r\ntwo\nid: 9\rthree", event="a\nb", id="1\r\nid: 2")
    assert event.encode() == (
        b"id: 1id: 2\nevent: ab\ndata: one\ndata: two\ndata: id: 9\ndata: three\n\n"
    )
    assert ServerEvent(Status(status="paid"), id="3").encode() == (
        b'id: 3\ndata: {"status":"paid"}\n\n'
    )
    assert ServerEvent({"a": 1}).encode() == b'data: {"a":1}\n\n'


@pytest.mark.parametrize(
    ("sent", "seen"), [("12", "12"), ("", None), ("x" * 65, None), ("a\x00", None)]
)
def test_the_last_event_id_is_read_if_it_can_be_one(sent: str, seen: str | None) -> None:
    request = Request({"type": "http", "headers": [(b"last-event-id", sent.encode())]})
    assert last_event_id(request) == seen


async def test_events_flow_until_the_source_ends(app_of: AppOf) -> None:
    source = Source()
    for event in (ServerEvent("a", id="1"), ServerEvent("b", id="2"), None):
        source.queue.put_nowait(event)
    async with client_of(app_of(source.router(asyncio.Event()))) as client:
        answer = await client.get("/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.text == ": heartbeat\n\nid: 1\ndata: a\n\nid: 2\ndata: b\n\n"
    assert source.closed.is_set()


async def test_silence_is_filled_with_heartbeats_and_loses_no_event(app_of: AppOf) -> None:
    source = Source()
    app = app_of(source.router(asyncio.Event(), heartbeat=0.02))
    seen = ""
    async with serving(app) as address, listening(address) as texts:
        async for text in texts:
            seen += text
            if seen.count("heartbeat") == 4:
                source.queue.put_nowait(ServerEvent("late"))
                source.queue.put_nowait(None)
    assert seen.rstrip().endswith("data: late")


async def test_a_stream_ends_when_its_time_is_over(app_of: AppOf) -> None:
    source = Source()
    async with asyncio.timeout(30):
        async with client_of(app_of(source.router(asyncio.Event(), max_seconds=0.05))) as client:
            await client.get("/events")
    assert source.closed.is_set()


async def test_a_stream_ends_when_the_process_is_told_to_stop(app_of: AppOf) -> None:
    source, stop = Source(), asyncio.Event()
    app = app_of(source.router(stop))
    async with asyncio.timeout(30), serving(app) as address, listening(address) as texts:
        async for _ in texts:
            stop.set()
    assert source.closed.is_set()


async def test_nothing_runs_on_after_the_client_has_left(app_of: AppOf) -> None:
    source = Source()
    app = app_of(source.router(asyncio.Event()))
    async with serving(app) as address:
        async with listening(address) as texts:
            await anext(texts)
        async with asyncio.timeout(30):
            await source.closed.wait()


async def test_a_source_that_breaks_ends_the_stream_without_an_end_mark(app_of: AppOf) -> None:
    async def broken() -> AsyncIterator[ServerEvent]:
        yield ServerEvent("first")
        raise ZeroDivisionError

    router = APIRouter()

    @router.get("/events")
    async def stream() -> StreamingResponse:
        return event_stream(broken(), stop=asyncio.Event())

    async with serving(app_of(router)) as address, httpx.AsyncClient(base_url=address) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/events")

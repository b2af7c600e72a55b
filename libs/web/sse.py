"""Server-sent events (WHATWG HTML section 9.2): a stream that beats, ends by itself and leaves nothing running."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

HEARTBEAT_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 300.0
_HEARTBEAT: Final = b": heartbeat\n\n"
_LINE_BREAKS: Final = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; `id` is what the client sends back as `Last-Event-ID` to resume after it."""

    data: BaseModel | Mapping[str, Any] | str
    event: str | None = None
    id: str | None = None

    def encode(self) -> bytes:
        """Write the event in the stream's format; line breaks in names are dropped so that none can be forged."""
        if isinstance(self.data, BaseModel):
            text = self.data.model_dump_json()
        elif isinstance(self.data, str):
            text = self.data
        else:
            text = json.dumps(self.data, separators=(",", ":"))
        lines = [
            f"{name}: {_LINE_BREAKS.sub('', value)}"
            for name, value in (("id", self.id), ("event", self.event))
            if value is not None
        ]
        lines += [f"data: {line}" for line in _LINE_BREAKS.split(text)]
        return ("\n".join(lines) + "\n\n").encode()


def last_event_id(request: Request) -> str | None:
    """Return the id of the last event the client saw, if it resumes a stream."""
    value = request.headers.get("last-event-id", "")
    return value if value and len(value) <= 64 and value.isprintable() else None  # noqa: PLR2004 - ids are short


def event_stream(
    source: AsyncIterator[ServerEvent],
    *,
    stop: asyncio.Event,
    heartbeat: float = HEARTBEAT_SECONDS,
    max_seconds: float = LONGEST_SECONDS,
) -> StreamingResponse:
    """Stream the source's events until it ends, `stop` is set, or the time is over; then close the source.

    Args:
        source: an async generator; it must hold no database session while it waits.
        stop: set when the process is told to stop, so that streams do not hold up its end.
        heartbeat: seconds of silence after which a comment keeps proxies from closing the connection.
        max_seconds: end of the stream, such as when the caller's token expires; clients reconnect by themselves.
    """
    return _EventStream(_frames(source, stop, heartbeat, max_seconds))


class _EventStream(StreamingResponse):
    """Closes its generator however the response ends, instead of leaving that to the garbage collector."""

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        super().__init__(
            frames,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._frames = frames

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._frames):
            await super().__call__(scope, receive, send)


async def _frames(
    source: AsyncIterator[ServerEvent], stop: asyncio.Event, heartbeat: float, max_seconds: float
) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + max_seconds
    stopping = asyncio.ensure_future(stop.wait())
    upcoming = asyncio.ensure_future(_next(source))
    try:
        # Told at once: the headers leave now, and the client knows that it is connected.
        yield _HEARTBEAT
        while (left := ends_at - loop.time()) > 0:
            # The wait for the next event outlives heartbeats: cancelling it would end the source.
            done, _ = await asyncio.wait(
                {upcoming, stopping},
                timeout=min(heartbeat, left),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if stopping in done:
                return
            if upcoming not in done:
                yield _HEARTBEAT
                continue
            event = upcoming.result()
            if event is None:
                return
            yield event.encode()
            upcoming = asyncio.ensure_future(_next(source))
    finally:
        await _end(source, stopping, upcoming)


async def _next(source: AsyncIterator[ServerEvent]) -> ServerEvent | None:
    return await anext(source, None)


async def _end(source: AsyncIterator[ServerEvent], *tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(source, AsyncGenerator):
        with suppress(RuntimeError):  # it is already ending
            await source.aclose()

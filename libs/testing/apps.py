"""Drives an application in this process: its lifespan in one task, requests without a network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx
from fastapi import FastAPI
from starlette.types import Message

_LIFESPAN_SECONDS: Final = 120


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """Start the application and shut it down again, as a server does: both in one task, by lifespan messages.

    Entering and leaving may happen in different tasks, as fixtures do.

    Raises:
        RuntimeError: it failed to start or to stop.
    """
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.create_task(app(scope, to_app.get, from_app.put))
    try:
        await _exchange("startup", to_app, from_app, task)
        yield app
        await _exchange("shutdown", to_app, from_app, task)
    finally:
        if not task.done():
            task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the running application; an unhandled error answers 500, as it would in production."""
    async with running(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


async def _exchange(
    phase: str,
    to_app: asyncio.Queue[Message],
    from_app: asyncio.Queue[Message],
    task: "asyncio.Task[None]",
) -> None:
    to_app.put_nowait({"type": f"lifespan.{phase}"})
    answer = asyncio.create_task(from_app.get())
    await asyncio.wait(
        {answer, task}, timeout=_LIFESPAN_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    if not answer.done():
        answer.cancel()
        if task.done() and not task.cancelled() and task.exception() is not None:
            raise RuntimeError(f"{phase} failed") from task.exception()
        raise RuntimeError(f"{phase} did not end")
    message = answer.result()
    if message["type"] != f"lifespan.{phase}.complete":
        raise RuntimeError(f"{phase} failed: {message.get('message', '')}")

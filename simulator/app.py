"""Puts the simulator together: book, routes, error shape and the courier of its webhooks."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from simulator.book import Book
from simulator.engine import Engine
from simulator.errors import ConnectionCutError, SimulatorError, error_body
from simulator.offload import Offload
from simulator.pages import pages
from simulator.parts import Parts
from simulator.reading import Reading
from simulator.routes import router
from simulator.settings import SimulatorSettings
from simulator.store import Store
from simulator.webhooks import Courier, DeliveryTable


def create_app(settings: SimulatorSettings, stopping: asyncio.Event | None = None) -> FastAPI:
    """Build the application. Setting `stopping` ends pauses and deliveries at once."""
    stop = stopping or asyncio.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        offload = Offload()
        store = await offload.call(Store, settings.data)
        book = Book(
            store,
            public_url=settings.pages_url,
            late_webhook_seconds=settings.late_webhook_seconds,
            clock=time.time,
        )
        app.state.parts = Parts(
            engine=Engine(book, offload, settings, stop),
            reading=Reading(store),
            offload=offload,
            api_key=settings.api_key.get_secret_value(),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                if settings.webhook_url:
                    tasks.create_task(_courier(settings, store, offload).run(stop))
                yield
                stop.set()
        finally:
            await offload.call(store.close)
            offload.close()

    app = FastAPI(title="Payment simulator", lifespan=lifespan)
    app.include_router(router)
    app.include_router(pages)
    app.add_api_route("/livez", _alive, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(SimulatorError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ConnectionCutError, _cut)
    return app


def _courier(settings: SimulatorSettings, store: Store, offload: Offload) -> Courier:
    table = DeliveryTable(store, retry_seconds=settings.webhook_retry_seconds, clock=time.time)
    return Courier(
        table,
        offload,
        url=settings.webhook_url or "",
        secret=settings.webhook_secret.get_secret_value(),
        clock=time.time,
    )


async def _alive() -> dict[str, str]:
    return {"status": "ok"}


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, SimulatorError):
        raise error
    return JSONResponse(error.body(), error.status, error.headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    # The input is not echoed: it may be a card number.
    if not isinstance(error, RequestValidationError):
        raise error
    places = sorted({".".join(str(part) for part in item["loc"][1:]) for item in error.errors()})
    card = any("card_number_rejected" in str(item["msg"]) for item in error.errors())
    code = "card_number_rejected" if card else "parameter_invalid"
    message = f"Correct: {', '.join(place for place in places if place) or 'the body'}."
    if card:
        message = "Card numbers are not accepted here; send a token."
    return JSONResponse(error_body("invalid_request_error", code, message), 400)


class _HalfAnswer(Response):
    """Promises more than it sends; the server then closes the connection."""

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"id": "ch_', "more_body": True})


async def _cut(_request: Request, _error: Exception) -> Response:
    return _HalfAnswer()

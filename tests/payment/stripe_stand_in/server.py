"""The stand-in's HTTP side: form-encoded bodies, keys, lists by page, and faults by token."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from libs.testing.waiting import eventually
from tests.payment.stripe_stand_in.book import Answer, Book, invalid

API_KEY = "sk_test_stand_in"
HANG_SECONDS = 3.0

Effect = Callable[[dict[str, Any]], Answer]


def parsed(encoded: str) -> dict[str, Any]:
    """Read Stripe's form encoding: `metadata[order_id]=ord_1`, `created[gte]=1`."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        parts = re.findall(r"[^\[\]]+", name)
        if len(parts) == 1:
            found[name] = value
        else:
            found.setdefault(parts[0], {})[parts[1]] = value
    return found


class StandIn:
    """Answers as Stripe does; the fault of a token spoils the first answer only, after its effect."""

    def __init__(self) -> None:
        self.book = Book()
        self.stopping = asyncio.Event()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/payment_intents", self.authorize, methods=["POST"]),
                Route("/v1/payment_intents", self.list_intents),
                Route("/v1/payment_intents/{intent}", self.show_intent),
                Route("/v1/payment_intents/{intent}/capture", self.capture, methods=["POST"]),
                Route("/v1/payment_intents/{intent}/cancel", self.cancel, methods=["POST"]),
                Route("/v1/balance_transactions", self.list_movements),
                Route("/v1/refunds", self.refund, methods=["POST"]),
                Route("/v1/refunds", self.list_refunds),
                Route("/v1/refunds/{refund}", self.show_refund),
            ]
        )

    async def authorize(self, request: Request) -> Response:
        form = parsed((await request.body()).decode())
        return await self._once(request, "charge", form["payment_method"], self.book.authorize)

    async def capture(self, request: Request) -> Response:
        intent = self.book.intents.get(request.path_params["intent"])
        if intent is None:
            return answered(invalid("resource_missing", 404))
        token = intent["payment_method"]
        return await self._once(
            request, "capture", token, lambda form: self.book.capture(intent, form)
        )

    async def cancel(self, request: Request) -> Response:
        intent = self.book.intents.get(request.path_params["intent"])
        if intent is None:
            return answered(invalid("resource_missing", 404))
        token = intent["payment_method"]
        return await self._once(request, "void", token, lambda _form: self.book.cancel(intent))

    async def refund(self, request: Request) -> Response:
        form = parsed((await request.body()).decode())
        token = self.book.intents[form["payment_intent"]]["payment_method"]
        return await self._once(request, "refund", token, self.book.refund)

    async def show_intent(self, request: Request) -> Response:
        return await self._show(request, self.book.intents, "intent")

    async def show_refund(self, request: Request) -> Response:
        return await self._show(request, self.book.refunds, "refund")

    async def list_intents(self, request: Request) -> Response:
        return await self._list(request, self.book.intents)

    async def list_refunds(self, request: Request) -> Response:
        return await self._list(request, self.book.refunds)

    async def list_movements(self, request: Request) -> Response:
        return await self._list(request, self.book.movements)

    async def _once(self, request: Request, call: str, token: str, effect: Effect) -> Response:
        refused = await self._noted(request)
        if refused is not None:
            return refused
        key = request.headers["idempotency-key"]
        form = parsed((await request.body()).decode())
        parameters = [request.url.path, form]
        remembered = self.book.remembered(key, parameters)
        if remembered is not None:
            return answered(remembered, replayed=remembered[0] != 400 or "code" in str(remembered))
        if token == f"tok_rate_limit_{call}":
            return answered(invalid("rate_limit", 429), retry_after=1)
        answer = effect(form)
        if token == f"tok_error_after_{call}":
            answer = (500, {"error": {"type": "api_error", "message": "lost"}})
        self.book.remember(key, parameters, answer)
        if token == f"tok_timeout_after_{call}":
            await self._hang()
        return answered(answer)

    async def _show(self, request: Request, rows: dict[str, dict[str, Any]], name: str) -> Response:
        refused = await self._noted(request)
        row = rows.get(request.path_params[name])
        return refused or answered((200, row) if row else invalid("resource_missing", 404))

    async def _list(self, request: Request, rows: dict[str, dict[str, Any]]) -> Response:
        refused = await self._noted(request)
        if refused is not None:
            return refused
        query = parsed(request.url.query)
        created = query.get("created", {})
        newest_first = [
            row
            for row in reversed(list(rows.values()))
            if int(created.get("gte", 0)) <= row["created"] < int(created.get("lt", 10**12))
            and query.get("payment_intent") in (None, row.get("payment_intent"))
        ]
        ids = [row["id"] for row in newest_first]
        start = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        page = newest_first[start : start + int(query.get("limit", 10))]
        body = {
            "object": "list",
            "url": request.url.path,
            "data": page,
            "has_more": start + len(page) < len(newest_first),
        }
        return answered((200, body))

    async def _noted(self, request: Request) -> Response | None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.book.requests.append((request.method, request.url.path, headers))
        if headers.get("authorization") != f"Bearer {API_KEY}":
            return answered((401, {"error": {"type": "invalid_request_error", "message": "key"}}))
        return None

    async def _hang(self) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), HANG_SECONDS)
        except TimeoutError:
            return


def answered(
    answer: Answer, *, replayed: bool = False, retry_after: int | None = None
) -> JSONResponse:
    headers = {"Request-Id": "req_1"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return JSONResponse(answer[1], answer[0], headers)


@asynccontextmanager
async def running_stand_in() -> AsyncIterator[StandIn]:
    """Serve the stand-in over real HTTP on a port of its own."""
    stand_in = StandIn()
    config = uvicorn.Config(
        stand_in.app(), host="127.0.0.1", port=0, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        stand_in.book.base_url = f"http://127.0.0.1:{port}"
        yield stand_in
    finally:
        stand_in.stopping.set()
        server.should_exit = True
        await task

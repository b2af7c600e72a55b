"""A service that answers as it is told, and clients that call it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import APIRouter, Request, Response

from libs.web.client import (
    CallPolicy,
    ServiceClient,
)
from libs.web.resilience import CircuitBreaker, RetryBudget

PATIENT = CallPolicy(per_try=10, total=20, backoff_base=0.001, backoff_cap=0.002)
"""Gives up on nothing a busy machine does; what is given up says so itself."""

NEVER = None
"""A step of a script: no answer comes before the caller hangs up."""

Step = Response | None


class Signer:
    def token_for(self, callee: str) -> str:
        return f"for-{callee}"


@dataclass(frozen=True)
class User:
    token: str


@dataclass
class Callee:
    """A service that answers as scripted and remembers what it was asked."""

    script: list[Step] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.api_route("/v1/{path:path}", methods=["GET", "POST"])
        async def answer(request: Request) -> Response:
            self.seen.append(request)
            self.bodies.append(await request.body())
            step = self.script.pop(0) if self.script else Response(b'{"ok":true}')
            if step is not NEVER:
                return step
            while not await request.is_disconnected():  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
            return Response(b'{"late":true}')

        return router


def problem(status: int, code: str, **members: str) -> Response:
    body = httpx.Response(status, json={"status": status, "code": code, **members}).content
    return Response(body, status, media_type="application/problem+json")


@asynccontextmanager
async def calling(
    address: str,
    policy: CallPolicy = PATIENT,
    breaker: CircuitBreaker | None = None,
    budget: RetryBudget | None = None,
) -> AsyncIterator[ServiceClient]:
    async with httpx.AsyncClient() as http:
        yield ServiceClient(
            address,
            "product",
            Signer(),
            http,
            policy,
            breaker or CircuitBreaker(),
            budget or RetryBudget(),
        )

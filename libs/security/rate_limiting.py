"""One allowance per caller over all operations, told on every answer (draft-ietf-httpapi-ratelimit-headers-11)."""

from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.cache.rate_limit import Decision, Policy, network_of
from libs.errors import DomainError
from libs.security.dependencies import SecurityParts
from libs.security.errors import InvalidToken, KeysUnavailable, RateLimited
from libs.security.principal import Principal

UNLIMITED_PATHS: Final = frozenset({"/livez", "/readyz", "/metrics"})

Refuse = Callable[[Scope, DomainError], ASGIApp]
"""Turns a refusal into an answer; the web part knows how (problem+json)."""


CostOf = Callable[[str, str], int]
"""Tells what a method on a path costs."""


class RateLimitMiddleware:
    """Spends what a request costs of the caller's allowance, or answers 429.

    The caller is the verified user, the verified calling service, or else the client's address. The
    principal found on the way is left in `request.state.verified`, so that it is verified only once.
    """

    def __init__(self, app: ASGIApp, policy: Policy, refuse: Refuse, cost: CostOf) -> None:
        self._app = app
        self._policy = policy
        self._refuse = refuse
        self._cost = cost

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        parts: SecurityParts = scope["app"].state.resources
        cost = min(self._cost(scope["method"], scope["path"]), self._policy.limit)
        decision = await parts.rate_limiter.take(await _key(scope, parts), self._policy, cost)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), self._policy, decision)
            await send(message)

        app = self._app
        if not decision.allowed:
            app = self._refuse(scope, RateLimited(max(1, decision.reset_seconds)))
        await app(scope, receive, send_with_headers)


async def _key(scope: Scope, parts: SecurityParts) -> str:
    headers = Headers(scope=scope)
    principal = await _principal(headers.get("authorization", ""), parts)
    if principal is not None:
        scope.setdefault("state", {})["verified"] = principal
        return f"user:{principal.subject}"
    service = _service(headers.get("service-authorization", ""), parts)
    if service is not None:
        return f"service:{service}"
    client = scope.get("client")
    return f"address:{network_of(client[0]) if client else 'unknown'}"


async def _principal(header: str, parts: SecurityParts) -> Principal | None:
    token = _token(header)
    if not token:
        return None
    try:
        return await parts.verifier.verify(token)
    except (InvalidToken, KeysUnavailable):
        return None  # the route says so if it cares; here it only means an unknown caller


def _service(header: str, parts: SecurityParts) -> str | None:
    token = _token(header)
    if not token:
        return None
    try:
        return parts.service_verifier.verify(token)
    except DomainError:
        return None


def _token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _add_headers(headers: MutableHeaders, policy: Policy, decision: Decision) -> None:
    headers["RateLimit-Policy"] = f'"{policy.name}";q={policy.limit};w={policy.window_seconds}'
    headers["RateLimit"] = f'"{policy.name}";r={decision.remaining};t={decision.reset_seconds}'

"""Runs a real Envoy in front of the stand-in, and says what a refusal of it looks like."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from edge.table import RouteTable
from libs.clock import utc_now
from libs.testing.servers import free_port
from libs.topology import SERVICES
from local.gateway import gateway_part, write_config
from local.paths import Paths
from local.process import Supervised
from local.settings import StackSettings
from local.state import StateFile
from tests.local.upstream import Upstream

PROBLEM = "application/problem+json"


def settings_for(upstream: Upstream, gateway: int) -> StackSettings:
    ports = {f"{service}_port": upstream.port for service in SERVICES}
    return StackSettings.model_validate({**ports, "gateway_port": gateway})


@asynccontextmanager
async def running_edge(
    upstream: Upstream, paths: Paths, table: RouteTable, *, refill_seconds: int = 1, **ports: int
) -> AsyncIterator[httpx.AsyncClient]:
    """Run Envoy for a route table; `cart_port=...` replaces where a service is looked for.

    With `refill_seconds` rate limits take that long, not a second, to give again: longer than any test's requests.
    """
    settings = settings_for(upstream, free_port()).model_copy(update=dict(ports))
    config = await write_config(table, settings, paths)
    written, interval = config.read_text(), '"fill_interval": "{}s"'
    assert interval.format(1) in written
    config.write_text(written.replace(interval.format(1), interval.format(refill_seconds)))
    envoy = Supervised(gateway_part(settings, paths, config), StateFile(paths.state))
    await envoy.start()
    base = f"http://127.0.0.1:{settings.port('gateway')}"
    try:
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=10) as http:
            yield http
    finally:
        await envoy.stop()


def token(key: RSAKey, settings: StackSettings, **overrides: object) -> str:
    now = int(utc_now().timestamp())
    claims = {
        "iss": settings.issuer,
        "aud": "meridian",
        "sub": "usr_1",
        "iat": now,
        "exp": now + 300,
        **overrides,
    }
    return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "edge"}, claims, key)


def bearer(key: RSAKey, http: httpx.AsyncClient, **overrides: object) -> dict[str, str]:
    settings = StackSettings(gateway_port=http.base_url.port)
    return {"Authorization": f"Bearer {token(key, settings, **overrides)}"}


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    body = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:meridian:problem:{code}"
    assert body["request_id"] == answer.headers.get("x-request-id")

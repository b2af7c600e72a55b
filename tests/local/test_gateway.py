"""What the edge lets through, strips, refuses and repeats: a real Envoy in front of a stand-in."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from libs.clock import utc_now
from libs.errors import DomainError
from libs.security import errors as security_errors
from libs.testing.servers import free_port
from libs.testing.waiting import eventually
from libs.topology import SERVICES
from libs.web import errors as web_errors
from local.envoy_problems import EDGE_PROBLEMS
from local.gateway import RouteTable, envoy_config, gateway_part, load_routes, write_config
from local.paths import Paths
from local.process import Supervised
from local.refusal import Refusal
from local.settings import StackSettings
from local.state import StateFile
from tests.local.upstream import Upstream, running_upstream

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "edge", "use": "sig", "alg": "RS256"})


@pytest.fixture(scope="module")
def upstream(key: RSAKey) -> Iterator[Upstream]:
    with running_upstream(key) as running:
        yield running


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "home")
    made.create()
    return made


def settings_for(upstream: Upstream, gateway: int) -> StackSettings:
    ports = {f"{service}_port": upstream.port for service in SERVICES}
    return StackSettings.model_validate({**ports, "gateway_port": gateway})


@pytest.fixture
async def edge(upstream: Upstream, paths: Paths) -> AsyncIterator[httpx.AsyncClient]:
    async with running_edge(upstream, paths, load_routes()) as http:
        yield http


class running_edge:  # noqa: N801 - it reads as a verb in `async with`
    """Runs Envoy for a route table."""

    def __init__(self, upstream: Upstream, paths: Paths, table: RouteTable) -> None:
        self._settings = settings_for(upstream, free_port())
        self._paths, self._table = paths, table

    async def __aenter__(self) -> httpx.AsyncClient:
        config = await write_config(self._table, self._settings, self._paths)
        part = gateway_part(self._settings, self._paths, config)
        self._envoy = Supervised(part, StateFile(self._paths.state))
        await self._envoy.start()
        base = f"http://127.0.0.1:{self._settings.port('gateway')}"
        self._http = httpx.AsyncClient(base_url=base, trust_env=False, timeout=10)
        return self._http

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self._envoy.stop()

    def token(self, key: RSAKey, **overrides: object) -> str:
        return token(key, self._settings, **overrides)


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
    assert body["instance"] == answer.request.url.path or status == 400 or "//" in str(answer.request.url.raw_path) or ".." in str(answer.request.url.raw_path) or "%2e" in str(answer.request.url.raw_path)
    assert body["request_id"] == answer.headers.get("x-request-id")


async def test_a_public_path_needs_no_token(edge: httpx.AsyncClient) -> None:
    answer = await edge.post("/v1/auth/login", json={})
    assert answer.status_code == 200
    assert answer.headers.get("x-envoy-upstream-service-time") is None


@pytest.mark.parametrize(
    "path", ["/v1/orders", "/v1/orders/ord_1/events", "/v1/me", "/v1/ledger/balances"]
)
async def test_a_protected_path_without_a_token_is_refused(
    edge: httpx.AsyncClient, path: str
) -> None:
    answer = await edge.get(path)
    assert_problem(answer, 401, "authentication_required")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_valid_token_passes_and_is_forwarded(edge: httpx.AsyncClient, key: RSAKey) -> None:
    sent = bearer(key, edge)
    seen = (await edge.get("/v1/orders", headers=sent)).json()
    assert seen["authorization"] == sent["Authorization"]


@pytest.mark.parametrize(
    "wrong", [{"exp": 1}, {"iss": "http://elsewhere"}, {"aud": "another-shop"}]
)
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/products"])
async def test_a_bad_token_is_refused_even_where_guests_may_call(
    edge: httpx.AsyncClient, key: RSAKey, wrong: dict[str, object], path: str
) -> None:
    answer = await edge.get(path, headers=bearer(key, edge, **wrong))
    assert_problem(answer, 401, "invalid_token")


async def test_a_token_of_another_key_is_refused(edge: httpx.AsyncClient) -> None:
    forged = RSAKey.generate_key(2048, {"kid": "edge"})
    assert_problem(await edge.get("/v1/me", headers=bearer(forged, edge)), 401, "invalid_token")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/reservations",
        "/v1/reservations/ord_1/release",
        "/v1/identities/usr_1",
        "/livez",
        "/readyz",
        "/metrics",
        "/docs",
        "/openapi.json",
        "/",
        "/v1/ordersx",
        "/v1/products/../reservations",
        "/v1/products/%2e%2e/identities/usr_1",
        "//v1//reservations",
        "/V1/orders",
    ],
)
async def test_what_the_table_does_not_name_is_not_there(
    edge: httpx.AsyncClient, key: RSAKey, path: str, upstream: Upstream
) -> None:
    upstream.calls.clear()
    answer = await edge.get(path, headers=bearer(key, edge))
    assert_problem(answer, 404, "route_not_found")
    assert not upstream.calls


async def test_an_escaped_slash_is_refused(edge: httpx.AsyncClient) -> None:
    assert_problem(await edge.get("/v1/products%2f..%2freservations"), 400, "malformed_request")


async def test_claims_about_oneself_never_reach_a_service(edge: httpx.AsyncClient) -> None:
    seen = (
        await edge.get(
            "/v1/products",
            headers={
                "Service-Authorization": "Bearer forged",
                "X-User-Id": "usr_admin",
                "X-User-Roles": "admin",
                "X-Forwarded-For": "6.6.6.6",
                "X-Forwarded-Host": "evil.example",
                "X-Forwarded-Proto": "https",
                "X-Envoy-Retry-On": "5xx",
                "X-Envoy-Upstream-Rq-Timeout-Ms": "1",
                "Forwarded": "for=6.6.6.6",
                "Cart-Token": "kept",
                "Idempotency-Key": "kept",
            },
        )
    ).json()
    assert not [name for name in seen if name.startswith(("x-user-", "x-envoy-"))]
    assert "service-authorization" not in seen
    assert "forwarded" not in seen
    assert "x-forwarded-host" not in seen
    assert "6.6.6.6" not in seen["x-forwarded-for"]
    assert seen["x-forwarded-proto"] == "http"
    assert seen["cart-token"] == seen["idempotency-key"] == "kept"


async def test_a_request_id_is_kept_or_made(edge: httpx.AsyncClient) -> None:
    kept = await edge.get("/v1/products", headers={"X-Request-Id": "req_of-mine.1"})
    assert kept.json()["x-request-id"] == "req_of-mine.1"
    assert len((await edge.get("/v1/products")).json()["x-request-id"]) == 36


async def test_only_safe_methods_are_sent_again(
    edge: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.calls.clear()
    assert_problem(await edge.get("/v1/carts/break"), 503, "service_unavailable")
    assert_problem(await edge.post("/v1/carts/break"), 503, "service_unavailable")
    assert upstream.calls["GET", "/v1/carts/break"] == 3
    assert upstream.calls["POST", "/v1/carts/break"] == 1


async def test_a_route_ends_at_its_timeout(upstream: Upstream, paths: Paths) -> None:
    table = load_routes().model_dump(by_alias=True)
    for row in table["routes"]:
        row["timeout_seconds"] = 0.2
    async with running_edge(upstream, paths, RouteTable.model_validate(table)) as http:
        assert_problem(await http.get("/v1/products/slow"), 504, "gateway_timeout")


async def test_too_many_requests_are_told_when_to_come_back(
    upstream: Upstream, paths: Paths
) -> None:
    table = load_routes().model_dump(by_alias=True)
    table["rate_classes"]["credentials"] = {"requests": 1, "burst": 3, "per_client": True}
    async with running_edge(upstream, paths, RouteTable.model_validate(table)) as http:
        answers = [await http.post("/v1/auth/login") for _ in range(10)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 6
        assert_problem(refused[0], 429, "rate_limited")
        assert refused[0].headers["retry-after"] == "1"
        assert (await http.get("/v1/products")).status_code == 200


async def test_a_service_that_is_away_is_a_problem_document(paths: Paths, key: RSAKey) -> None:
    with running_upstream(key) as alone:
        settings = settings_for(alone, free_port()).model_copy(update={"cart_port": free_port()})
        config = await write_config(load_routes(), settings, paths)
        envoy = Supervised(gateway_part(settings, paths, config), StateFile(paths.state))
        await envoy.start()
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                url = f"http://127.0.0.1:{settings.port('gateway')}/v1/carts"
                assert_problem(await http.post(url), 503, "service_unavailable")
        finally:
            await envoy.stop()


async def test_the_edge_is_not_ready_before_it_has_the_keys(paths: Paths) -> None:
    nobody = free_port()
    settings = StackSettings(auth_port=nobody, gateway_port=free_port())
    config = await write_config(load_routes(), settings, paths)
    envoy = Supervised(gateway_part(settings, paths, config), StateFile(paths.state))
    starting = asyncio.create_task(envoy.start())
    await eventually((paths.run / "envoy-admin").exists)
    assert not await envoy.part.ready()
    assert not starting.done()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await envoy.stop()


async def test_envoy_itself_checks_the_configuration(paths: Paths) -> None:
    table = load_routes().model_dump(by_alias=True)
    table["routes"][0]["exact"] = None
    table["routes"][0]["regex"] = "/v1/("
    settings = StackSettings(gateway_port=free_port())
    with pytest.raises(Refusal, match="Envoy does not accept"):
        await write_config(RouteTable.model_validate(table), settings, paths)


@pytest.mark.parametrize(
    "change",
    [
        {"service": "nobody"},
        {"rate": "unheard"},
        {"retry": "unheard"},
        {"regex": "/v1/x"},
        {"exact": "/v1/x/", "path": "/v1/x"},
        {"path": "/v1/me/"},
    ],
)
def test_a_broken_route_table_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    table = load_routes().model_dump(by_alias=True)
    table["routes"] = [{**table["routes"][6], **change}]
    file = tmp_path / "routes.json"
    file.write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(Refusal, match="is not a route table"):
        load_routes(file)


def test_the_table_finds_the_row_envoy_would() -> None:
    table = load_routes()
    events = table.route_for("/v1/orders/ord_1/events")
    assert events is not None
    assert events.stream
    order = table.route_for("/v1/orders/ord_1")
    assert order is not None
    assert not order.stream
    logout = table.route_for("/v1/auth/logout")
    assert logout is not None
    assert logout.auth == "required"
    assert table.route_for("/v1/reservations") is None


def test_streams_have_no_timeout() -> None:
    config = json.dumps(envoy_config(load_routes(), StackSettings()))
    assert '"timeout": "0.0s", "idle_timeout": "60s"' in config


def test_edge_and_services_use_the_same_words() -> None:
    known = {
        error.code: error.title
        for module in (web_errors, security_errors)
        for error in vars(module).values()
        if isinstance(error, type) and issubclass(error, DomainError) and error is not DomainError
    }
    shared = [problem for problem in EDGE_PROBLEMS if problem.code in known]
    assert len(shared) >= 6
    for problem in shared:
        assert problem.title == known[problem.code]

"""What the edge lets through, strips, refuses and repeats: a real Envoy in front of a stand-in."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from edge.table import RouteTable, load_table
from libs.testing.servers import free_port
from libs.testing.waiting import eventually
from local.gateway import gateway_part, write_config
from local.paths import Paths
from local.process import Supervised
from local.refusal import Refusal
from local.settings import StackSettings
from local.state import StateFile
from tests.local.edge import assert_problem, bearer, running_edge
from tests.local.upstream import Upstream, running_upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


@pytest.fixture(scope="module")
def module_paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    made = Paths(tmp_path_factory.mktemp("edge"))
    made.create()
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(upstream: Upstream, module_paths: Paths) -> AsyncIterator[httpx.AsyncClient]:
    async with running_edge(upstream, module_paths, load_table()) as http:
        yield http


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
    answer = await edge.get(path, params={"email": "private@meridian.example"})
    assert_problem(answer, 401, "authentication_required")
    assert answer.json()["instance"] == path
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


async def test_the_scheme_of_a_token_may_be_in_small_letters(
    edge: httpx.AsyncClient, key: RSAKey
) -> None:
    sent = {"Authorization": bearer(key, edge)["Authorization"].replace("Bearer", "bearer")}
    assert (await edge.get("/v1/orders", headers=sent)).status_code == 200


async def test_a_token_in_the_query_counts_for_nothing(
    edge: httpx.AsyncClient, key: RSAKey, upstream: Upstream
) -> None:
    upstream.calls.clear()
    sent = bearer(key, edge)["Authorization"].removeprefix("Bearer ")
    answer = await edge.get("/v1/orders", params={"access_token": sent})
    assert_problem(answer, 401, "authentication_required")
    assert not upstream.calls


async def test_a_service_that_hangs_up_on_a_body_far_too_large_has_not_broken_down(
    edge: httpx.AsyncClient,
) -> None:
    answer = await edge.post("/v1/carts/break", content=b"x" * (256 * 1024 + 1))
    assert_problem(answer, 413, "body_too_large")
    assert "retry-after" not in answer.headers
    largest = await edge.post("/v1/carts/break", content=b"x" * 256 * 1024)
    assert_problem(largest, 503, "service_unavailable")


async def test_an_offer_to_upgrade_is_ignored(edge: httpx.AsyncClient) -> None:
    offer = {"Connection": "upgrade", "Upgrade": "websocket"}
    assert (await edge.get("/v1/products", headers=offer)).status_code == 200


@pytest.mark.parametrize(
    ("request_head", "status", "code"),
    [
        (
            "POST /v1/carts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: zip",
            501,
            "transfer_encoding_unknown",
        ),
        ("GET /v1/products HTTP/1.0", 426, "http_version_too_old"),
        ("GET /v1/products HTTP/1.1", 400, "malformed_request"),
        (
            "GET /v1/products%2fx HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: <b>",
            400,
            "malformed_request",
        ),
        (
            f"GET /v1/products HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 40_000}",
            431,
            "headers_too_large",
        ),
    ],
)
async def test_what_is_no_http_we_speak_is_told_what_to_send(
    edge: httpx.AsyncClient, request_head: str, status: int, code: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.base_url.port)
    writer.write(f"{request_head}\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert problem["code"] == code
    assert f"x-request-id: {problem['request_id']}".encode() in head
    assert problem["request_id"].startswith("edge-")


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


async def test_a_safe_request_id_is_kept(edge: httpx.AsyncClient) -> None:
    for safe in ("req_of-mine.1", "a" * 64):
        kept = await edge.get("/v1/products", headers={"X-Request-Id": safe})
        assert kept.json()["x-request-id"] == safe
        refused = await edge.get("/v1/nothing", headers={"X-Request-Id": safe})
        assert_problem(refused, 404, "route_not_found")
        assert refused.json()["request_id"] == safe


@pytest.mark.parametrize("sent", [None, "", "a b", "<script>", "-a", "a" * 65, "a,b"])
async def test_a_request_without_a_safe_id_gets_one(
    edge: httpx.AsyncClient, sent: str | None
) -> None:
    headers = {} if sent is None else {"X-Request-Id": sent, "X-Edge-Request-Id": "mine"}
    made = (await edge.get("/v1/products", headers=headers)).json()
    assert len(made["x-request-id"]) == 36
    assert not [name for name in made if name.startswith("x-edge-")]


async def test_the_verified_user_is_named_and_nobody_can_claim_to_be_another(
    edge: httpx.AsyncClient, key: RSAKey
) -> None:
    claim = {"X-User-Id": "usr_admin"}
    known = (await edge.get("/v1/products", headers=bearer(key, edge) | claim)).json()
    assert known["x-user-id"] == "usr_1"
    assert "x-user-id" not in (await edge.get("/v1/products", headers=claim)).json()


async def test_a_stream_passes_event_by_event_and_outlives_every_timeout(
    upstream: Upstream, key: RSAKey, paths: Paths
) -> None:
    table = load_table().model_dump(by_alias=True)
    for row in table["routes"]:
        row["timeout_seconds"] = 0 if row["stream"] else 0.2
    upstream.go_on.clear()
    async with running_edge(upstream, paths, RouteTable.model_validate(table)) as http:
        path, token = "/v1/orders/ord_1/events", bearer(key, http)
        async with http.stream("GET", path, headers=token) as answer:
            events = answer.aiter_text()
            assert await anext(events) == "data: 1\n\n"
            assert_problem(await http.get("/v1/products/slow"), 504, "gateway_timeout")
            upstream.go_on.set()
            assert await anext(events) == "data: 2\n\n"


async def test_a_version_is_written_as_the_services_know_it(
    upstream: Upstream, paths: Paths
) -> None:
    table = load_table().model_dump(by_alias=True)
    table["versions"] = {"v1": "v1", "v2": "v1"}
    table["routes"] += [
        {**row, "version": "v2"} for row in table["routes"] if row["path"] == "/products"
    ]
    async with running_edge(upstream, paths, RouteTable.model_validate(table)) as http:
        upstream.calls.clear()
        assert (await http.get("/v2/products/v2/x?a=/v2/")).status_code == 200
        assert (await http.get("/v2/orders")).status_code == 404
        assert upstream.calls == {("GET", "/v1/products/v2/x"): 1}


async def test_while_the_edge_has_no_keys_a_good_token_is_not_called_a_bad_one(
    upstream: Upstream, key: RSAKey, paths: Paths
) -> None:
    nobody = free_port()
    settings = StackSettings(auth_port=nobody, product_port=upstream.port, gateway_port=free_port())
    config = await write_config(load_table(), settings, paths)
    envoy = Supervised(gateway_part(settings, paths, config), StateFile(paths.state))
    starting = asyncio.create_task(envoy.start())
    async with httpx.AsyncClient(base_url=settings.url("gateway"), trust_env=False) as http:

        async def listens() -> bool:
            try:
                return (await http.get("/v1/products")).status_code == 200
            except httpx.ConnectError:
                return False

        await eventually(listens)
        answer = await http.get("/v1/orders", headers=bearer(key, http))
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await envoy.stop()
    assert_problem(answer, 503, "service_unavailable")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_only_safe_methods_are_sent_again(
    edge: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.calls.clear()
    assert_problem(await edge.get("/v1/carts/break"), 503, "service_unavailable")
    assert_problem(await edge.post("/v1/carts/break"), 503, "service_unavailable")
    assert upstream.calls["GET", "/v1/carts/break"] == 3
    assert upstream.calls["POST", "/v1/carts/break"] == 1


async def test_a_service_that_asks_for_a_pause_is_not_asked_again(
    edge: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.calls.clear()
    assert (await edge.get("/v1/carts/busy")).status_code == 503
    assert upstream.calls["GET", "/v1/carts/busy"] == 1


async def test_a_route_ends_at_its_timeout(upstream: Upstream, paths: Paths) -> None:
    table = load_table().model_dump(by_alias=True)
    for row in table["routes"]:
        row["timeout_seconds"] = 0 if row["stream"] else 0.2
    async with running_edge(upstream, paths, RouteTable.model_validate(table)) as http:
        assert_problem(await http.get("/v1/products/slow"), 504, "gateway_timeout")


async def test_too_many_requests_are_told_when_to_come_back(
    upstream: Upstream, paths: Paths
) -> None:
    table = load_table().model_dump(by_alias=True)
    table["rate_classes"]["credentials"] = {"requests": 1, "burst": 3, "per_client": True}
    async with running_edge(upstream, paths, RouteTable.model_validate(table)) as http:
        answers = [await http.post("/v1/auth/login") for _ in range(10)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 6
        assert_problem(refused[0], 429, "rate_limited")
        assert refused[0].headers["retry-after"] == "1"
        assert refused[0].headers["ratelimit-policy"] == '"edge-credentials";q=1;w=1'
        assert refused[0].headers["ratelimit"] == '"edge-credentials";r=0;t=1'
        assert (await http.get("/v1/products")).status_code == 200


async def test_a_service_that_is_away_is_a_problem_document(
    upstream: Upstream, paths: Paths
) -> None:
    async with running_edge(upstream, paths, load_table(), cart_port=free_port()) as http:
        assert_problem(await http.post("/v1/carts"), 503, "service_unavailable")


async def test_the_edge_is_not_ready_before_it_has_the_keys(paths: Paths) -> None:
    nobody = free_port()
    settings = StackSettings(auth_port=nobody, gateway_port=free_port())
    config = await write_config(load_table(), settings, paths)
    envoy = Supervised(gateway_part(settings, paths, config), StateFile(paths.state))
    starting = asyncio.create_task(envoy.start())
    await eventually((paths.run / "envoy-admin").exists)
    assert not await envoy.part.ready()
    assert not starting.done()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await envoy.stop()


async def test_envoy_itself_checks_the_configuration(paths: Paths) -> None:
    table = load_table().model_dump(by_alias=True)
    table["headers"]["safe_request_id"] = "("
    settings = StackSettings(gateway_port=free_port())
    with pytest.raises(Refusal, match="Envoy does not accept"):
        await write_config(RouteTable.model_validate(table), settings, paths)

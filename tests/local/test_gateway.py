"""What the edge lets through and what it refuses: a real Envoy in front of a stand-in."""

import asyncio
import json

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.local.edge import assert_problem, bearer
from tests.local.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
        (
            "GET /v1/products HTTP/1.1\r\nHost: x" + "\r\nX-Many: x" * 150,
            431,
            "headers_too_large",
        ),
        (
            "POST /v1/carts HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2",
            400,
            "malformed_request",
        ),
        (
            "POST /v1/carts HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
            400,
            "malformed_request",
        ),
        ("GET /v1/products HTTP/1.1\r\nHost: x\r\nX-Odd : y", 400, "malformed_request"),
        ("GET /v1/products HTTP/1.1\r\nHost: x\r\nX-Odd: a\x00b", 400, "malformed_request"),
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

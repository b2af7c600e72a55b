"""What a request's headers are when they arrive: claims about oneself are gone, and there is a safe request id."""

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.local.edge import assert_problem, bearer

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
    for safe in (f"req_{'0a' * 16}", "a" * 64):
        kept = await edge.get("/v1/products", headers={"X-Request-Id": safe})
        assert kept.json()["x-request-id"] == safe
        refused = await edge.get("/v1/nothing", headers={"X-Request-Id": safe})
        assert_problem(refused, 404, "route_not_found")
        assert refused.json()["request_id"] == safe


@pytest.mark.parametrize("sent", [None, "", "a b", "<script>", "ada.lovelace", "a" * 65, "a,b"])
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

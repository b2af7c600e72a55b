"""What strangers write into their headers: sites of others get nothing, and two answers to one question are refused."""

import pytest
from fastapi import APIRouter, FastAPI, Request

from tests.libs.web.conftest import AppOf, client_of

OURS = "https://shop.meridian.example"


@pytest.fixture
def app(app_of: AppOf) -> FastAPI:
    router = APIRouter(prefix="/v1")

    @router.get("/things")
    async def list_things(request: Request) -> dict[str, str | None]:
        return {"client": request.client.host if request.client else None, "path": request.url.path}

    @router.post("/things")
    async def make_thing() -> dict[str, str]:
        return {"made": "yes"}

    return app_of(router)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "*", f"{OURS}.evil.example", OURS, "file://"]
)
async def test_no_other_site_reads_an_answer_or_is_allowed_to_send(
    app: FastAPI, origin: str
) -> None:
    """The storefront is served from the API's own origin: the list of others is empty, and so is what they are told."""
    asking = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    async with client_of(app) as client:
        answers = [
            await client.get("/v1/things", headers={"Origin": origin}),
            await client.post("/v1/things", headers={"Origin": origin}),
            await client.options("/v1/things", headers={"Origin": origin, **asking}),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 405]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_trace_is_refused_and_echoes_nothing(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.request("TRACE", "/v1/things", headers={"Cookie": "secret=word"})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "TRACE" not in answer.headers["allow"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "name",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded"],
)
async def test_what_clients_say_of_themselves_changes_nothing(app: FastAPI, name: str) -> None:
    """Whoever stands in front of us is believed by the server process (TRUSTED_PROXIES), not here."""
    async with client_of(app) as client:
        plain = await client.get("/v1/things")
        told = await client.get("/v1/things", headers={name: "203.0.113.66"})
    assert told.json() == plain.json()


async def test_a_method_is_not_overridden(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.get("/v1/things", headers={"X-HTTP-Method-Override": "POST"})
    assert "made" not in answer.json()


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "Service-Authorization", "Cart-Token", "Erasure-Token", "X-CSRF-Token"),
        *("Idempotency-Key", "Content-Type", "Content-Length", "Host"),
    ],
)
async def test_a_header_of_one_value_is_not_taken_twice(app: FastAPI, name: str) -> None:
    async with client_of(app) as client:
        answer = await client.post("/v1/things", headers=[(name, "eins"), (name, "zwei")])
    assert (answer.status_code, answer.json()["code"]) == (400, "repeated_header")
    assert answer.headers["content-type"] == "application/problem+json"
    assert name.lower() in answer.json()["detail"]
    assert not {"eins", "zwei"} & set(answer.text.replace('"', " ").split())


async def test_two_hosts_that_a_gateway_joined_are_still_two(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.get("/v1/things", headers={"Host": "shop.example,evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "repeated_header")
    assert "evil" not in answer.text


async def test_headers_may_not_grow_without_end(app: FastAPI) -> None:
    async with client_of(app) as client:
        one = await client.get("/v1/things", headers={"Authorization": "Bearer " + "x" * 33_000})
        many = await client.get(
            "/v1/things", headers={f"X-Header-{number}": "x" * 100 for number in range(400)}
        )
        usual = await client.get("/v1/things", headers={"Authorization": "Bearer " + "x" * 8_000})
    for answer in (one, many):
        assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")
    assert usual.status_code == 200

"""The layers every request passes, in process; what needs sockets is in test_intake.py."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.observability.context import correlation_id_var, request_id_var
from libs.observability.metrics import render_metrics
from libs.observability.tracing import current_traceparent
from libs.settings import ServiceSettings
from libs.web.app import add_defaults, new_app
from libs.web.middleware import layers
from tests.libs.web.conftest import AppOf, client_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def echo(app_of: AppOf) -> FastAPI:
    router = APIRouter(prefix="/v1")

    @router.get("/ids/{item_id}")
    async def ids(item_id: str) -> dict[str, str | None]:
        return {
            "item": item_id,
            "request_id": request_id_var.get(),
            "correlation_id": correlation_id_var.get(),
            "traceparent": current_traceparent(),
        }

    return app_of(router)


@pytest.mark.parametrize(
    "sent",
    [
        f"req_{'0a' * 16}",
        "demo-0123456789abcdef",
        "01A207AF-97C8-7F7B-A3F1-4F0C8E1B2D3C",
        "a" * 16,
        "f" * 64,
    ],
)
async def test_a_safe_request_id_is_kept_and_echoed(echo: FastAPI, sent: str) -> None:
    async with client_of(echo) as client:
        answer = await client.get("/v1/ids/1", headers={"X-Request-Id": sent})
    assert answer.headers["x-request-id"] == sent
    assert answer.json()["request_id"] == sent
    assert answer.json()["correlation_id"] == sent


@pytest.mark.parametrize(
    "sent",
    [
        *(
            "",
            "a" * 8,
            "a" * 65,
            f"req_{'a' * 61}",
            "a b",
            "a\tb",
            "<script>",
            "\x1b[31m",
            "{jndi}",
            "é",
            "..",
        ),
        *(
            "4111111111111111",
            "ada.lovelace",
            "Lovelace-1815-12-10",
            "ada_0123456789abcdefg",
            f"lovelace_{'0' * 16}",
        ),
    ],
)
async def test_an_unsafe_request_id_is_replaced(echo: FastAPI, sent: str) -> None:
    async with client_of(echo) as client:
        answer = await client.get("/v1/ids/1", headers=[(b"X-Request-Id", sent.encode())])
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])


@pytest.mark.parametrize("path", ["/v1/ids/1", "/nope", "/livez", "/metrics", "/v1/ids/%00"])
async def test_every_answer_has_an_id_and_careful_headers(echo: FastAPI, path: str) -> None:
    async with client_of(echo) as client:
        headers = (await client.get(path)).headers
    assert headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["strict-transport-security"]
    assert "no-store" in headers["cache-control"]
    assert "server" not in headers


async def test_the_callers_trace_goes_on(echo: FastAPI) -> None:
    async with client_of(echo) as client:
        answer = await client.get(
            "/v1/ids/1", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        )
        fresh = await client.get("/v1/ids/1", headers={"traceparent": "nonsense"})
    version, trace, span, flags = answer.json()["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != "00f067aa0ba902b7"
    assert TRACE not in fresh.json()["traceparent"]


async def test_durations_are_told_by_template_never_by_raw_path(echo: FastAPI) -> None:
    async with client_of(echo) as client:
        await client.get("/v1/ids/unguessable-one")
        await client.get("/unknown/unguessable-two")
        await client.request("BREW", "/v1/ids/unguessable-three")
    text = render_metrics()[0].decode()
    assert "unguessable" not in text
    assert 'http_route="/v1/ids/{item_id}"' in text
    assert 'http_route="unmatched"' in text
    assert 'http_request_method="_OTHER"' in text
    assert "BREW" not in text


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (f"ord_{'0a' * 16}", f"/v1/orders/ord_{'0a' * 16}"),
        ("Ada%20Lovelace", "/v1/orders/{order_id}"),
        ("ada@example.com", "/v1/orders/{order_id}"),
    ],
)
async def test_each_request_is_one_line_without_its_query_or_what_is_no_id_of_ours(
    app_of: AppOf, caplog: pytest.LogCaptureFixture, sent: str, shown: str
) -> None:
    router = APIRouter()

    @router.get("/v1/orders/{order_id}")
    async def get_order(order_id: str, request: Request) -> str:
        request.state.principal = SimpleNamespace(subject="usr_1")
        return order_id

    with caplog.at_level(logging.INFO):
        async with client_of(app_of(router)) as client:
            await client.get(f"/v1/orders/{sent}?q=zoe")
            await client.get("/livez")
    (line,) = [record.msg for record in caplog.records if record.name.endswith("observe")]
    assert isinstance(line, dict)
    assert {
        key: line[key] for key in ("event", "method", "path", "route", "status", "subject")
    } == {
        "event": "http_request",
        "method": "GET",
        "path": shown,
        "route": "/v1/orders/{order_id}",
        "status": 200,
        "subject": "usr_1",
    }
    assert line["request_id"]
    assert "zoe" not in str(line)


async def test_head_is_answered_wherever_get_is(echo: FastAPI) -> None:
    async with client_of(echo) as client:
        answer = await client.head("/v1/ids/1")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 0
    assert answer.content == b""
    assert 'http_request_method="HEAD",http_response_status_code="200",http_route="/v1/ids' in (
        render_metrics()[0].decode()
    )


async def test_head_of_an_endless_stream_ends(app_of: AppOf) -> None:
    router = APIRouter()

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0.001)

        return StreamingResponse(chunks())

    async with asyncio.timeout(30), client_of(app_of(router)) as client:
        assert (await client.head("/stream")).content == b""


async def test_a_services_own_layer_runs_where_errors_become_problems(
    settings: ServiceSettings,
) -> None:
    class Refusing:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                raise ZeroDivisionError
            await self.app(scope, receive, send)

    app = new_app("order", "Orders")
    add_defaults(app, settings, inner=[Middleware(Refusing)])
    async with client_of(app) as client:
        answer = await client.get("/anything")
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_the_documented_order_of_layers_is_the_real_one() -> None:
    documented = re.findall(r"^    \d+\. (\w+):", layers.__doc__ or "", re.MULTILINE)
    assert documented == [getattr(one.cls, "__name__", "") for one in layers()]


async def test_scopes_that_are_not_requests_pass_untouched() -> None:
    seen: list[Scope] = []

    async def innermost(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope)

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(_: object) -> None:
        return None

    app: ASGIApp = innermost
    for layer in reversed(layers()):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    scope: Scope = {"type": "lifespan"}
    await app(scope, receive, send)
    assert seen == [scope]

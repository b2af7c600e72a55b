"""The layers every request passes, in process; what needs sockets is in test_intake.py."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy.exc import DBAPIError
from starlette.middleware import Middleware
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.deadline import remaining_seconds, require_time
from libs.observability.context import correlation_id_var, request_id_var
from libs.observability.metrics import render_metrics
from libs.observability.tracing import current_traceparent
from libs.settings import ServiceSettings
from libs.web.admission import only_waiting
from libs.web.app import add_defaults, new_app
from libs.web.middleware import layers
from libs.web.strict import RequestModel
from tests.libs.web.conftest import AppOf, client_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Conflict(Exception):
    sqlstate = "40001"


def conflict() -> DBAPIError:
    return DBAPIError("COMMIT", {}, Conflict())


class Lines(RequestModel):
    lines: list[str]


Attempt = Callable[[Request], Awaitable[None]]


class Scripted:
    """An operation that loses its transaction a given number of times."""

    def __init__(self, losses: int) -> None:
        self.left = losses
        self.bodies: list[list[str]] = []
        self.seen_marks: list[object] = []

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1")

        async def transaction(request: Request) -> AsyncIterator[None]:
            self.seen_marks.append(getattr(request.state, "mark", None))
            request.state.mark = "left by an attempt"
            yield
            if self.left:
                self.left -= 1
                raise conflict()

        @router.post("/orders/{order_id}")
        async def place(
            order_id: str, body: Lines, _: Annotated[None, Depends(transaction, scope="function")]
        ) -> list[str]:
            self.bodies.append(body.lines)
            return [order_id, *body.lines]

        return router


async def test_a_request_that_loses_its_commit_is_run_again_whole(app_of: AppOf) -> None:
    scripted = Scripted(losses=2)
    async with client_of(app_of(scripted.router())) as client:
        answer = await client.post("/v1/orders/ord_1", json={"lines": ["a", "b"]})
    assert answer.status_code == 200
    assert answer.json() == ["ord_1", "a", "b"]
    assert scripted.bodies == [["a", "b"]] * 3
    assert scripted.seen_marks == [None] * 3, "nothing is left over from a lost attempt"
    assert "/v1/orders/{order_id}" in render_metrics()[0].decode()


async def test_a_request_that_always_loses_is_told_to_come_back(app_of: AppOf) -> None:
    scripted = Scripted(losses=99)
    async with client_of(app_of(scripted.router())) as client:
        answer = await client.post("/v1/orders/ord_1", json={"lines": []})
    assert answer.status_code == 503
    assert answer.json()["code"] == "transaction_conflict"
    assert len(scripted.bodies) == 3


async def test_an_answer_that_began_is_never_run_again(app_of: AppOf) -> None:
    router = APIRouter()
    runs = 0

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            nonlocal runs
            runs += 1
            yield b"first"
            raise conflict()

        return StreamingResponse(chunks())

    async with client_of(app_of(router)) as client:
        with pytest.raises(DBAPIError):
            await client.get("/stream")
    assert runs == 1


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


@pytest.mark.parametrize("sent", ["abc", "A-1.b_2", "x" * 64])
async def test_a_safe_request_id_is_kept_and_echoed(echo: FastAPI, sent: str) -> None:
    async with client_of(echo) as client:
        answer = await client.get("/v1/ids/1", headers={"X-Request-Id": sent})
    assert answer.headers["x-request-id"] == sent
    assert answer.json()["request_id"] == sent
    assert answer.json()["correlation_id"] == sent


@pytest.mark.parametrize(
    "sent", ["", "x" * 65, "a b", "a\tb", "<script>", "\x1b[31m", "{jndi}", "é", ".."]
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


async def test_each_request_is_one_line_without_its_query(
    app_of: AppOf, caplog: pytest.LogCaptureFixture
) -> None:
    router = APIRouter()

    @router.get("/v1/orders/{order_id}")
    async def get_order(order_id: str, request: Request) -> str:
        request.state.principal = SimpleNamespace(subject="usr_1")
        return order_id

    with caplog.at_level(logging.INFO):
        async with client_of(app_of(router)) as client:
            await client.get("/v1/orders/ord_1?q=ada")
            await client.get("/livez")
    (line,) = [record.msg for record in caplog.records if record.name.endswith("observe")]
    assert isinstance(line, dict)
    assert {
        key: line[key] for key in ("event", "method", "path", "route", "status", "subject")
    } == {
        "event": "http_request",
        "method": "GET",
        "path": "/v1/orders/ord_1",
        "route": "/v1/orders/{order_id}",
        "status": 200,
        "subject": "usr_1",
    }
    assert line["request_id"]
    assert "ada" not in str(line)


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

    async with asyncio.timeout(5), client_of(app_of(router)) as client:
        assert (await client.head("/stream")).content == b""


@pytest.fixture
def timed(app_of: AppOf) -> FastAPI:
    router = APIRouter()

    @router.get("/left")
    async def left() -> float | None:
        return remaining_seconds()

    @router.get("/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    @router.get("/own-timeout")
    async def own_timeout() -> None:
        raise TimeoutError

    @router.get("/long-answer")
    async def long_answer() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"a"
            await asyncio.sleep(0.1)
            yield b"b"

        return StreamingResponse(chunks())

    app = app_of(router)
    _add_late_work(app)
    return app


def _add_late_work(app: FastAPI) -> None:
    @app.post("/write")
    async def write() -> str:
        await asyncio.sleep(0.05)
        app.state.written = True
        return "written"

    @app.post("/gives-up")
    async def gives_up() -> None:
        await asyncio.sleep(0.05)
        require_time()

    @app.post("/waits")
    async def waits() -> str:
        with only_waiting():
            await asyncio.sleep(0.1)
        left = remaining_seconds()
        assert left is not None
        return "in time" if left > 0 else "late"

    @app.post("/fails-late")
    async def fails_late() -> None:
        await asyncio.sleep(0.05)
        raise ZeroDivisionError


async def asked(app: FastAPI, method: str, path: str, milliseconds: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.request(method, path, headers={"Request-Timeout": milliseconds})


async def test_a_deadline_is_known_inside_and_capped(timed: FastAPI) -> None:
    left = (await asked(timed, "GET", "/left", "1500")).json()
    assert 1.0 < left <= 1.5
    assert (await asked(timed, "GET", "/left", "9" * 40)).json() <= 60.0
    for nonsense in ("", "-5", "1.5", "soon", "²"):
        async with client_of(timed) as client:
            answer = await client.get("/left", headers=[(b"Request-Timeout", nonsense.encode())])
        assert answer.json() is None


async def test_work_nobody_waits_for_is_not_started(timed: FastAPI) -> None:
    answer = await asked(timed, "POST", "/write", "0")
    assert answer.status_code == 504
    assert answer.json()["code"] == "deadline_exceeded"


async def test_a_read_past_its_deadline_is_broken_off(timed: FastAPI) -> None:
    assert (await asked(timed, "GET", "/slow", "30")).status_code == 504


async def test_a_write_that_began_is_finished_without_its_caller(timed: FastAPI) -> None:
    answer = await asked(timed, "POST", "/write", "10")
    assert answer.status_code == 504
    assert answer.json()["code"] == "deadline_exceeded"
    assert "Idempotency-Key" in answer.json()["detail"]
    assert timed.state.written
    assert (await asked(timed, "POST", "/gives-up", "10")).status_code == 504


async def test_a_write_that_fails_after_its_deadline_is_logged_and_answered_once(
    timed: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await asked(timed, "POST", "/fails-late", "10")).status_code == 504
    assert "work_failed_after_its_deadline" in caplog.text


async def test_a_deadline_stands_still_while_the_caller_chose_to_wait(timed: FastAPI) -> None:
    answer = await asked(timed, "POST", "/waits", "60")
    assert (answer.status_code, answer.json()) == (200, "in time")


async def test_an_answer_that_began_may_take_its_time(timed: FastAPI) -> None:
    assert (await asked(timed, "GET", "/long-answer", "50")).content == b"ab"


async def test_a_timeout_of_the_operations_own_is_a_bug_not_a_deadline(timed: FastAPI) -> None:
    assert (await asked(timed, "GET", "/own-timeout", "1000")).status_code == 500


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

"""What every service's application starts with: layers, problem documents, OpenAPI 3.1, health and metrics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from copy import deepcopy
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.middleware import Middleware
from typing_extensions import override

from libs.observability.logging import get_logger
from libs.observability.metrics import configure_metrics, render_metrics
from libs.security.errors import StaffSecondFactorRequired
from libs.settings import ServiceSettings
from libs.web.audience import AUDIENCE_KEY
from libs.web.errors import PROBLEM_TYPE, NotReady, Problem, problem_content, problem_responses
from libs.web.handlers import add_error_handlers
from libs.web.middleware import layers
from libs.web.middleware.shed import Tolerance

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Check = Callable[[State], Awaitable[object]]

_CHECK_SECONDS: Final = 1.0
_DOCS_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; img-src data: https:; "
    "style-src https://cdn.jsdelivr.net; script-src https://cdn.jsdelivr.net 'unsafe-inline'"
)

log = get_logger(__name__)


class _ServiceApp(FastAPI):
    """A FastAPI application whose OpenAPI document knows the problem document."""

    @override
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            _tell_what_handlers_require(document)
            _tell_what_staff_must_show(document)
        return super().openapi()


def _tell_what_handlers_require(document: dict[str, Any]) -> None:
    """Mark parameters as required that are optional to FastAPI only so that their absence has its own problem."""
    operations = (one for path in document["paths"].values() for one in path.values())
    for parameter in (one for operation in operations for one in operation.get("parameters", ())):
        schema = parameter["schema"]
        if schema.pop("x-required", False):
            parameter["required"] = True
            parameter["schema"] = {"type": "string", "title": schema["title"]}


def _tell_what_staff_must_show(document: dict[str, Any]) -> None:
    """Name the refusal that every operation of staff has in common."""
    (refusal,) = problem_responses(StaffSecondFactorRequired).values()
    for operation in (one for path in document["paths"].values() for one in path.values()):
        if operation.get(AUDIENCE_KEY) != "admin":
            continue
        told = operation["responses"].setdefault("401", deepcopy(refusal))
        if refusal["description"] not in told["description"]:
            told["description"] += f"; {refusal['description']}"
            examples = told["content"][PROBLEM_TYPE]["examples"]
            examples.update(refusal["content"][PROBLEM_TYPE]["examples"])


def new_app(service: str, title: str, *, lifespan: Lifespan | None = None) -> FastAPI:
    """Make a service's application, without layers or routes.

    Operation ids are the names of the route functions. FastAPI's own telemetry stays off: it would be a second server
    span, and logs validation messages that may hold personal data.
    """
    return _ServiceApp(
        title=title,
        summary=f"Meridian's {service} service.",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        responses={
            "default": {
                "description": "Any failure, as a problem document (RFC 9457).",
                "content": problem_content(),
            }
        },
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )


def add_defaults(
    app: FastAPI, settings: ServiceSettings, *, inner: Sequence[Middleware] = ()
) -> None:
    """Add the layers every request passes and the translation of errors; call it before the app starts.

    Args:
        app: an application from `new_app`.
        settings: decides on the documentation page, which production does not have.
        inner: further layers, run where errors already become problem documents.
    """
    configure_metrics(settings.service, settings.region, settings.otlp_endpoint)
    add_error_handlers(app)
    tolerance = Tolerance(settings.browsing_seconds, settings.buying_seconds)
    for layer in reversed(layers(inner, tolerance)):
        app.add_middleware(layer.cls, *layer.args, **layer.kwargs)
    if settings.environment in {"local", "test"}:
        _add_documentation_page(app)


def add_health(app: FastAPI, checks: Mapping[str, Check]) -> None:
    """Add `/livez`, `/readyz` and `/metrics`.

    `/livez` touches nothing: restarting a process does not bring its database back. `/readyz` runs the checks, each
    within a second and with the application's state; a check raises when the process should get no traffic.
    """

    async def livez() -> Response:
        return Response(b'{"status":"alive"}', media_type="application/json")

    async def readyz(request: Request) -> Response:
        failed = [name async for name in _failures(checks, request.app.state)]
        if failed:
            raise NotReady(
                "Send requests to another instance.",
                extensions={"failed": failed},
                headers={"Retry-After": "1"},
            )
        return Response(b'{"status":"ready"}', media_type="application/json")

    async def metrics() -> Response:
        body, content_type = render_metrics()
        return Response(body, media_type=content_type)

    for path, answer in (("/livez", livez), ("/readyz", readyz), ("/metrics", metrics)):
        app.add_api_route(path, answer, methods=["GET"], include_in_schema=False)


async def _failures(checks: Mapping[str, Check], state: State) -> AsyncIterator[str]:
    outcomes = await asyncio.gather(
        *(_within_a_second(check, state) for check in checks.values()), return_exceptions=True
    )
    for name, outcome in zip(checks, outcomes, strict=True):
        if isinstance(outcome, Exception):
            log.warning("not_ready", check=name, exc_info=outcome)
            yield name


async def _within_a_second(check: Check, state: State) -> None:
    async with asyncio.timeout(_CHECK_SECONDS):
        await check(state)


def _operation_id(route: APIRoute) -> str:
    return route.name


def _add_documentation_page(app: FastAPI) -> None:
    async def documentation(_: Request) -> Response:
        page = get_swagger_ui_html(openapi_url="/openapi.json", title=app.title)
        page.headers["Content-Security-Policy"] = _DOCS_POLICY
        return page

    app.add_route("/docs", documentation, include_in_schema=False)

"""Translates every exception that reaches the edge into the problem document the client sees."""

from typing import Final, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Router
from starlette.types import Scope

from libs.database.session import is_retryable, is_unavailable
from libs.errors import DomainError
from libs.observability.logging import get_logger
from libs.web.calls import CalleeProblem
from libs.web.errors import (
    BodyTooLarge,
    CalleeRefused,
    DatabaseUnavailable,
    InternalError,
    MalformedBody,
    MethodNotAllowed,
    RouteNotFound,
    TransactionConflict,
    problem_response,
)
from libs.web.validation import refusal_of

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_SERVER_ERRORS: Final = 500
_SOON: Final = {"Retry-After": "1"}
_TIMED_OUT: Final = frozenset({"55P03", "57014"})
"""SQLSTATE of waits for a lock and statements that took too long: the data is busy, not broken."""

log = get_logger(__name__)


def add_error_handlers(app: FastAPI) -> None:
    """Register the translations that happen around routing; `error_answer` covers everything outside."""
    app.add_exception_handler(DomainError, _on_domain_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)


def error_answer(error: Exception, scope: Scope) -> Response:
    """Answer for an exception nothing inside handled, and log what the client is not told."""
    known = known_error(error)
    if known is None:
        log.error("unhandled_exception", exc_info=error)
        known = InternalError("Try again later; if it persists, report it with the request id.")
    elif known is not error:
        log.warning("request_failed", code=known.code, exc_info=error)
    scope.setdefault("state", {})["problem_code"] = known.code
    return problem_response(known, scope["path"])


def known_error(error: Exception) -> DomainError | None:
    """Return the problem an exception stands for, or None for a bug."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, CalleeProblem):
        return CalleeRefused("Try again later; if it persists, report it with the request id.")
    if is_retryable(error) or _sqlstate_of(error) in _TIMED_OUT:
        return TransactionConflict("Try again in a moment.", headers=_SOON)
    if is_unavailable(error):
        return DatabaseUnavailable("Try again in a moment.", headers=_SOON)
    return None


def _sqlstate_of(error: Exception) -> object:
    return getattr(getattr(error, "orig", None), "sqlstate", None)


async def _on_domain_error(request: Request, error: Exception) -> Response:
    known = cast("DomainError", error)
    request.state.problem_code = known.code
    if known.status >= _SERVER_ERRORS:
        log.warning("request_failed", code=known.code, detail=known.detail)
    return problem_response(known, request.url.path)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    known = refusal_of(cast("RequestValidationError", error))
    request.state.problem_code = known.code
    return problem_response(known, request.url.path)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    raised = cast("HTTPException", error)
    match raised.status_code:
        case 400:
            known: DomainError = MalformedBody("Send the body as JSON in UTF-8.")
        case 404:
            known = RouteNotFound("Check the path against the API's documentation.")
        case 405:
            allowed = ", ".join(_methods_of(request))
            known = MethodNotAllowed(f"Use one of: {allowed}.", headers={"Allow": allowed})
        case 413:
            known = BodyTooLarge("Send a smaller body.")
        case _:
            log.error("unexpected_http_exception", status=raised.status_code, exc_info=error)
            known = InternalError("Try again later; if it persists, report it with the request id.")
    request.state.problem_code = known.code
    return problem_response(known, request.url.path)


def _methods_of(request: Request) -> list[str]:
    """List all methods of the path: each FastAPI route knows only its own."""
    router: Router = request.app.router
    asked = {key: value for key, value in request.scope.items() if key != "fastapi"}
    found = {
        method
        for method in _METHODS
        for route in router.routes
        if route.matches({**asked, "method": method})[0] is Match.FULL
    }
    if "GET" in found:
        found.add("HEAD")
    return [method for method in _METHODS if method in found]

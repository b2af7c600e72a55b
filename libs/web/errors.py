"""Problem documents (RFC 9457): the one shape every failure has, from an unknown route to an unhandled exception."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from libs.errors import DomainError
from libs.observability.context import request_id_var

PROBLEM_TYPE: Final = "application/problem+json"
PROBLEM_SCHEMA: Final = {"$ref": "#/components/schemas/Problem"}
_LONGEST_INSTANCE: Final = 200


class FieldError(BaseModel):
    """One thing wrong with one part of the request."""

    model_config = ConfigDict(frozen=True)

    location: str = Field(description="`body`, `query`, `path`, `header` or `cookie`.")
    pointer: str | None = Field(
        default=None, description="JSON Pointer (RFC 6901) into the body; empty for the whole body."
    )
    name: str | None = Field(default=None, description="Name of the parameter or header.")
    code: str = Field(description="Stable word for the rule that was broken.")
    detail: str = Field(description="What to change; never repeats what was sent.")


class Problem(BaseModel):
    """A failure, described for people and programs (RFC 9457)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(description="`urn:meridian:problem:` followed by `code`.")
    title: str = Field(description="The same for every occurrence of this problem.")
    status: int
    detail: str = Field(description="What the caller can change.")
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="Stable word to branch on.")
    request_id: str | None = Field(description="Quote it when you report the problem.")
    errors: list[FieldError] | None = Field(default=None, description="Only for invalid requests.")


class RouteNotFound(DomainError):
    """No operation has this path."""

    code: ClassVar[str] = "route_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "There is nothing here"


class MethodNotAllowed(DomainError):
    """The path exists, for other methods."""

    code: ClassVar[str] = "method_not_allowed"
    status: ClassVar[int] = 405
    title: ClassVar[str] = "The method is not allowed here"


class MalformedBody(DomainError):
    """The body is not JSON at all."""

    code: ClassVar[str] = "malformed_json"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The body is not valid JSON"


class InvalidTarget(DomainError):
    """The path or query holds characters nothing here can have."""

    code: ClassVar[str] = "invalid_target"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The address is not valid"


class TargetTooLong(DomainError):
    """The path or query is longer than any we give out."""

    code: ClassVar[str] = "target_too_long"
    status: ClassVar[int] = 414
    title: ClassVar[str] = "The address is too long"


class HeadersTooLarge(DomainError):
    """The headers are longer than any client of ours needs (RFC 6585)."""

    code: ClassVar[str] = "headers_too_large"
    status: ClassVar[int] = 431
    title: ClassVar[str] = "The headers are too large"


class RepeatedHeader(DomainError):
    """A header that has one value came twice: who reads the first and who reads the last would not agree."""

    code: ClassVar[str] = "repeated_header"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "A header was sent more than once"


class BodyTooLarge(DomainError):
    """The body is larger than any operation takes."""

    code: ClassVar[str] = "body_too_large"
    status: ClassVar[int] = 413
    title: ClassVar[str] = "The body is too large"


class BodyTooSlow(DomainError):
    """The body did not arrive in time."""

    code: ClassVar[str] = "body_too_slow"
    status: ClassVar[int] = 408
    title: ClassVar[str] = "The body took too long to arrive"


class UnsupportedMediaType(DomainError):
    """The body is of a kind the operation does not take."""

    code: ClassVar[str] = "unsupported_media_type"
    status: ClassVar[int] = 415
    title: ClassVar[str] = "The body has a media type this operation does not take"


class InvalidRequest(DomainError):
    """The request is understood, but parts of it break rules; `errors` names each."""

    code: ClassVar[str] = "invalid_request"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The request is not valid"


class InternalError(DomainError):
    """A bug of ours."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"


class CalleeRefused(DomainError):
    """Another service refused what we asked of it in a way we did not foresee."""

    code: ClassVar[str] = "callee_refused"
    status: ClassVar[int] = 502
    title: ClassVar[str] = "A service we depend on refused our request"


class DatabaseUnavailable(DomainError):
    """PostgreSQL is away or has no free connection."""

    code: ClassVar[str] = "database_unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "The service cannot reach its data right now"


class TransactionConflict(DomainError):
    """The transaction lost against others every time it was tried."""

    code: ClassVar[str] = "transaction_conflict"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "Too many requests change the same data right now"


class NotReady(DomainError):
    """The process should get no traffic at the moment."""

    code: ClassVar[str] = "not_ready"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "The service is not ready"


def problem_members(error: DomainError, path: str) -> dict[str, Any]:
    """Return the members of an error's problem document; extensions never replace a standard one."""
    return {
        **error.extensions,
        "type": f"urn:meridian:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": quote(path[:_LONGEST_INSTANCE]),
        "code": error.code,
        "request_id": request_id_var.get(),
    }


def problem_response(error: DomainError, path: str) -> Response:
    """Answer with the problem document of an error."""
    members = problem_members(error, path)
    return Response(
        json.dumps(members, ensure_ascii=False, separators=(",", ":"), default=str).encode(),
        error.status,
        {"Cache-Control": "no-store", **error.headers},
        media_type=PROBLEM_TYPE,
    )


def problem_responses(*errors: type[DomainError]) -> dict[int | str, dict[str, Any]]:
    """Document the errors an operation may answer with: `responses=problem_responses(OrderNotFound, ...)`."""
    by_status: dict[int, list[type[DomainError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {status: _documented(same) for status, same in sorted(by_status.items())}


def problem_content(examples: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the OpenAPI `content` of a problem document."""
    content: dict[str, Any] = {"schema": PROBLEM_SCHEMA}
    return {PROBLEM_TYPE: content | ({"examples": dict(examples)} if examples else {})}


def _documented(errors: Sequence[type[DomainError]]) -> dict[str, Any]:
    examples = {
        error.code: {
            "summary": error.title,
            "value": {
                "type": f"urn:meridian:problem:{error.code}",
                "title": error.title,
                "status": error.status,
                "detail": (error.__doc__ or error.title).splitlines()[0],
                "instance": "/v1/example",
                "code": error.code,
                "request_id": "req_01981c9e7c9a7a6db0c8f2f8f2b6c1d2",
            },
        }
        for error in errors
    }
    return {
        "description": "; ".join(error.title for error in errors),
        "content": problem_content(examples),
    }

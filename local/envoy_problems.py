"""Envoy's own refusals as problem documents (RFC 9457), in the same shape as the services'."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class EdgeProblem:
    """One refusal Envoy makes by itself, and what to tell the client.

    Attributes:
        status: what Envoy would answer.
        without_token: True or False limits it to requests without or with an `Authorization` header.
        body_too_large: limits it to requests that declare a body larger than services take.
        answered: the status sent instead.
    """

    status: int
    code: str
    title: str
    detail: str
    retry_after_seconds: int | None = None
    without_token: bool | None = None
    body_too_large: bool = False
    answered: int | None = None
    challenge: str | None = None


_TOKEN_REFUSED: Final = (
    "invalid_token",
    "The token is not valid",
    "The token is malformed, expired, or was issued for another audience. Get a new one.",
)
_BODY_REFUSED: Final = ("body_too_large", "The body is too large", "Send at most 256 KB.")
_MOST_BODY_BYTES: Final = 256 * 1024
_BEARER: Final = 'Bearer error="invalid_token"'

EDGE_PROBLEMS: Final = (
    EdgeProblem(
        400,
        "malformed_request",
        "The request is not valid HTTP",
        "Check the request line, the headers and the path; a path may hold no escaped slash.",
    ),
    EdgeProblem(
        401,
        "authentication_required",
        "Authentication is required",
        "Send an access token: Authorization: Bearer <token>.",
        without_token=True,
        challenge="Bearer",
    ),
    EdgeProblem(401, *_TOKEN_REFUSED, without_token=False, challenge=_BEARER),
    # Envoy answers 403 for a token of another audience; the services answer 401 (RFC 6750 section 3.1).
    EdgeProblem(403, *_TOKEN_REFUSED, answered=401, challenge=_BEARER),
    EdgeProblem(404, "route_not_found", "There is nothing here", "No operation has this path."),
    EdgeProblem(
        408, "body_too_slow", "The body took too long to arrive", "Send the request again, faster."
    ),
    EdgeProblem(413, *_BODY_REFUSED),
    # A service stops reading a body that is far too large, which looks from here as if it had broken down.
    EdgeProblem(503, *_BODY_REFUSED, answered=413, body_too_large=True),
    EdgeProblem(
        426, "http_version_too_old", "The HTTP version is too old", "Use HTTP/1.1 or HTTP/2."
    ),
    EdgeProblem(429, "rate_limited", "Too many requests", "Try again in 1 seconds.", 1),
    EdgeProblem(
        431, "headers_too_large", "The headers are too large", "Send at most 32 KB of headers."
    ),
    EdgeProblem(
        501,
        "transfer_encoding_unknown",
        "The transfer encoding is not known here",
        "Send the body with Content-Length, or chunked.",
    ),
    EdgeProblem(
        502, "bad_gateway", "The service gave no valid answer", "Try again in a few seconds.", 1
    ),
    EdgeProblem(
        503,
        "service_unavailable",
        "The service cannot be reached right now",
        "Try again in a few seconds.",
        1,
    ),
    EdgeProblem(
        504,
        "gateway_timeout",
        "The service did not answer in time",
        "It may still be at work: repeat the request with the same Idempotency-Key.",
        1,
    ),
)


def local_replies() -> dict[str, Any]:
    """Build the mapping from Envoy's status to the document."""
    return {
        "mappers": [_mapper(problem) for problem in EDGE_PROBLEMS],
        "body_format": _document("edge_refused", "Refused", "The request was refused at the edge."),
    }


def _mapper(problem: EdgeProblem) -> dict[str, Any]:
    headers = [_header("x-request-id", "%REQ(X-REQUEST-ID)%"), _header("cache-control", "no-store")]
    if problem.retry_after_seconds is not None:
        headers.append(_header("retry-after", str(problem.retry_after_seconds)))
    if problem.challenge is not None:
        headers.append(_header("www-authenticate", problem.challenge))
    mapper: dict[str, Any] = {
        "filter": _filter(problem),
        "body_format_override": _document(problem.code, problem.title, problem.detail),
        "headers_to_add": headers,
    }
    if problem.answered is not None:
        mapper["status_code"] = problem.answered
    return mapper


def _filter(problem: EdgeProblem) -> dict[str, Any]:
    # Envoy insists on a key by which a running value could replace the default.
    value = {"default_value": problem.status, "runtime_key": f"edge_status_{problem.status}"}
    conditions: list[dict[str, Any]] = [
        {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}
    ]
    if problem.without_token is not None:
        conditions.append(
            _by_header("authorization", present_match=True, invert_match=problem.without_token)
        )
    if problem.body_too_large:
        beyond = {"start": _MOST_BODY_BYTES + 1, "end": 2**63 - 1}
        conditions.append(_by_header("content-length", range_match=beyond))
    return conditions[0] if len(conditions) == 1 else {"and_filter": {"filters": conditions}}


def _by_header(name: str, **match: object) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": name, **match}}}


def _header(name: str, value: str) -> dict[str, Any]:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _document(code: str, title: str, detail: str) -> dict[str, Any]:
    return {
        "content_type": "application/problem+json",
        "json_format": {
            "type": f"urn:meridian:problem:{code}",
            "title": title,
            "status": "%RESPONSE_CODE%",
            "detail": detail,
            "instance": "%PATH(NQ:PATH)%",
            "code": code,
            "request_id": "%REQ(X-REQUEST-ID)%",
        },
    }

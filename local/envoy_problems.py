"""Envoy's own refusals as problem documents (RFC 9457), in the same shape as the services'."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class EdgeProblem:
    """One status Envoy answers by itself, and what to tell the client."""

    status: int
    code: str
    title: str
    detail: str
    retry_after_seconds: int | None = None


EDGE_PROBLEMS: Final = (
    EdgeProblem(
        400,
        "malformed_request",
        "Malformed request",
        "The request line, path or headers are not valid HTTP; paths must not hold escaped slashes.",
    ),
    EdgeProblem(
        401,
        "invalid_token",
        "Authentication required",
        "Send a valid, unexpired access token as `Authorization: Bearer ...`.",
    ),
    EdgeProblem(
        403, "forbidden", "Forbidden", "The token's audience is not this interface; log in again."
    ),
    EdgeProblem(404, "route_not_found", "Not found", "Nothing is served at this path."),
    EdgeProblem(
        408, "request_timeout", "Request timeout", "The request did not arrive whole in time."
    ),
    EdgeProblem(
        413, "body_too_large", "Content too large", "The body is larger than this interface takes."
    ),
    EdgeProblem(
        429,
        "rate_limited",
        "Too many requests",
        "Too many requests from this address; wait and try again.",
        1,
    ),
    EdgeProblem(
        431,
        "headers_too_large",
        "Request header fields too large",
        "The headers together exceed 32 KB.",
    ),
    EdgeProblem(
        502, "bad_gateway", "Bad gateway", "The service gave no valid answer; try again.", 1
    ),
    EdgeProblem(
        503,
        "service_unavailable",
        "Service unavailable",
        "The service cannot be reached right now; try again.",
        1,
    ),
    EdgeProblem(
        504,
        "gateway_timeout",
        "Gateway timeout",
        "The service did not answer in time; repeat with the same Idempotency-Key.",
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
    return {
        "filter": {
            "status_code_filter": {
                "comparison": {
                    "op": "EQ",
                    # Envoy insists on a key by which a running value could replace the default.
                    "value": {
                        "default_value": problem.status,
                        "runtime_key": f"edge_{problem.code}",
                    },
                }
            }
        },
        "body_format_override": _document(problem.code, problem.title, problem.detail),
        "headers_to_add": headers,
    }


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
            "instance": "%PATH(NQ:ORIG)%",
            "code": code,
            "request_id": "%REQ(X-REQUEST-ID)%",
        },
    }

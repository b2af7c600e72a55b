"""Which problem Envoy's own refusals are, told apart by status, by what was sent and by why it refused."""

from dataclasses import dataclass, replace
from typing import Any, Final

from edge.envoy.fragments import typed
from edge.envoy.request_headers import VERDICT
from edge.problems import CAREFUL_HEADERS, PROBLEMS, Problem
from edge.table import Headers

_MOST_BODY_BYTES: Final = 256 * 1024

_OWN_ID: Final = "edge-%START_TIME(%s.%6f)%-%CONNECTION_ID%"
"""Names a request that was refused before Envoy gave it an id: the same in header, body and log."""


@dataclass(frozen=True)
class _Reply:
    """A status Envoy would answer with and the problem it is.

    Attributes:
        without_token: True or False limits it to requests without or with an `Authorization` header.
        body_too_large: limits it to requests that declare a body larger than services take.
        origin_closed: limits it to requests that went around the content delivery network.
        without_keys: limits it to the time before the edge has the keys that tokens are checked with.
        early: Envoy may say it while it still reads the request, which has no safe id then.
    """

    status: int
    code: str
    without_token: bool | None = None
    body_too_large: bool = False
    origin_closed: bool = False
    without_keys: bool = False
    early: bool = False

    @property
    def problem(self) -> Problem:
        """What to say; Envoy's own challenge, which calls the token bad, cannot be removed but be replaced."""
        found = PROBLEMS[self.code]
        return replace(found, challenge="Bearer") if self.without_keys else found


_REPLIES: Final = (
    _Reply(400, "malformed_request", early=True),
    _Reply(401, "service_unavailable", without_keys=True),
    _Reply(401, "authentication_required", without_token=True),
    _Reply(401, "invalid_token", without_token=False),
    _Reply(403, "origin_required", origin_closed=True),
    # Envoy answers 403 for a token of another audience; the services answer 401 (RFC 6750 section 3.1).
    _Reply(403, "invalid_token"),
    _Reply(404, "route_not_found"),
    _Reply(408, "body_too_slow", early=True),
    _Reply(413, "body_too_large", early=True),
    # A service stops reading a body that is far too large, which looks from here as if it had broken down.
    _Reply(503, "body_too_large", body_too_large=True),
    _Reply(426, "http_version_too_old", early=True),
    _Reply(429, "rate_limited"),
    _Reply(431, "headers_too_large", early=True),
    _Reply(501, "transfer_encoding_unknown", early=True),
    _Reply(502, "bad_gateway"),
    _Reply(503, "service_unavailable"),
    _Reply(504, "gateway_timeout"),
)


def local_replies(headers: Headers) -> dict[str, Any]:
    """Build the mapping from Envoy's status to the document; the first that fits is taken.

    What may be said early exists twice: with the request's own id if that is a safe one, and with one of the edge's.
    """
    sent_id = f"%REQ({headers.request_id})%"
    safe = _by_header(
        headers.request_id, string_match={"safe_regex": {"regex": headers.safe_request_id}}
    )
    named = [
        _mapper(reply.problem, [*_conditions(reply), *([safe] if reply.early else [])], sent_id)
        for reply in _REPLIES
    ]
    unnamed = [
        _mapper(reply.problem, _conditions(reply), _OWN_ID) for reply in _REPLIES if reply.early
    ]
    rest = Problem(500, "edge_refused", "Refused", "The request was refused at the edge.")
    return {"mappers": [*named, *unnamed], "body_format": _document(rest, _OWN_ID)}


def _mapper(problem: Problem, conditions: list[dict[str, Any]], request_id: str) -> dict[str, Any]:
    told = {"x-request-id": request_id, "cache-control": "no-store", **CAREFUL_HEADERS}
    if problem.retry_after_seconds is not None:
        told["retry-after"] = str(problem.retry_after_seconds)
    if problem.challenge is not None:
        told["www-authenticate"] = problem.challenge
    several = {"and_filter": {"filters": conditions}}
    return {
        "filter": conditions[0] if len(conditions) == 1 else several,
        "status_code": problem.status,
        "body_format_override": _document(problem, request_id),
        "headers_to_add": [_header(name, value) for name, value in told.items()],
    }


def _conditions(reply: _Reply) -> list[dict[str, Any]]:
    # Envoy insists on a key by which a running value could replace the default.
    value = {"default_value": reply.status, "runtime_key": f"edge_status_{reply.status}"}
    conditions: list[dict[str, Any]] = [
        {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}
    ]
    if reply.without_token is not None:
        conditions.append(
            _by_header("authorization", present_match=True, invert_match=reply.without_token)
        )
    if reply.body_too_large:
        beyond = {"start": _MOST_BODY_BYTES + 1, "end": 2**63 - 1}
        conditions.append(_by_header("content-length", range_match=beyond))
    if reply.origin_closed:
        conditions.append(_by_header(VERDICT, string_match={"exact": "closed"}))
    if reply.without_keys:
        conditions.append(_by_reason("response.code_details.contains('Jwks')"))
    return conditions


def _by_header(name: str, **match: object) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": name, **match}}}


def _by_reason(expression: str) -> dict[str, Any]:
    """A condition on why Envoy refused, in the Common Expression Language."""
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": typed(
                "access_loggers.filters.cel.v3.ExpressionFilter", expression=expression
            ),
        }
    }


def _header(name: str, value: str) -> dict[str, Any]:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _document(problem: Problem, request_id: str) -> dict[str, Any]:
    return {
        "content_type": "application/problem+json",
        "json_format": {
            "type": problem.type,
            "title": problem.title,
            "status": "%RESPONSE_CODE%",
            "detail": problem.detail,
            "instance": "%PATH(NQ:PATH)%",
            "code": problem.code,
            "request_id": request_id,
        },
    }

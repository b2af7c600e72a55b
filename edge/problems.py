"""What the edge says when it refuses by itself: problem documents (RFC 9457) in the services' words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_BEARER: Final = 'Bearer error="invalid_token"'


@dataclass(frozen=True)
class Problem:
    """One refusal.

    Attributes:
        retry_after_seconds: when to try again, None when trying again would not help.
        challenge: what a missing or bad token is answered with (`WWW-Authenticate`).
    """

    status: int
    code: str
    title: str
    detail: str
    retry_after_seconds: int | None = None
    challenge: str | None = None

    @property
    def type(self) -> str:
        """The identifier of the kind of problem."""
        return f"urn:meridian:problem:{self.code}"


CAREFUL_HEADERS: Final = {
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
    ),
    "referrer-policy": "no-referrer",
}
"""Headers of every refusal, as careful as those of the services' answers (ASVS 5.0, 3.4)."""

_ALL: Final = (
    Problem(
        400,
        "malformed_request",
        "The request is not valid HTTP",
        "Check the request line, the headers and the path; a path may hold no escaped slash.",
    ),
    Problem(
        401,
        "authentication_required",
        "Authentication is required",
        "Send an access token: Authorization: Bearer <token>.",
        challenge="Bearer",
    ),
    Problem(
        401,
        "invalid_token",
        "The token is not valid",
        "The token is malformed, expired, or was issued for another audience. Get a new one.",
        challenge=_BEARER,
    ),
    Problem(
        403,
        "origin_required",
        "This address is not for clients",
        "Use the shop's public address.",
    ),
    Problem(
        403,
        "request_blocked",
        "The request was blocked",
        "It looks like an attack, or did not come through the shop's public address.",
    ),
    Problem(404, "route_not_found", "There is nothing here", "No operation has this path."),
    Problem(
        408, "body_too_slow", "The body took too long to arrive", "Send the request again, faster."
    ),
    Problem(413, "body_too_large", "The body is too large", "Send at most 256 KB."),
    Problem(426, "http_version_too_old", "The HTTP version is too old", "Use HTTP/1.1 or HTTP/2."),
    Problem(429, "rate_limited", "Too many requests", "Try again in 1 seconds.", 1),
    Problem(
        431, "headers_too_large", "The headers are too large", "Send at most 32 KB of headers."
    ),
    Problem(
        501,
        "transfer_encoding_unknown",
        "The transfer encoding is not known here",
        "Send the body with Content-Length, or chunked.",
    ),
    Problem(
        502, "bad_gateway", "The service gave no valid answer", "Try again in a few seconds.", 1
    ),
    Problem(
        503,
        "service_unavailable",
        "The service cannot be reached right now",
        "Try again in a few seconds.",
        1,
    ),
    Problem(
        504,
        "gateway_timeout",
        "The service did not answer in time",
        "It may still be at work: repeat the request with the same Idempotency-Key.",
        1,
    ),
)

PROBLEMS: Final[Mapping[str, Problem]] = {problem.code: problem for problem in _ALL}
"""Every refusal by its code."""

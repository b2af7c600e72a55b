"""Reads what clients send as forms and queries: every parameter once (RFC 6749 section 3.1), nothing unreadable."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from services.auth.errors import OAuthError

LONGEST_QUERY: Final = 4_096
LONGEST_FORM: Final = 16_384
"""A form of ours carries a whole request in its ticket."""
MOST_PARAMETERS: Final = 50

Parameters = Mapping[str, str]


def parse_parameters(encoded: str, longest: int = LONGEST_QUERY) -> Parameters:
    """Return the parameters of a query or form; empty ones count as left out (RFC 6749 section 3.1).

    Raises:
        OAuthError: too long, not UTF-8 or a parameter sent twice; `invalid_request`.
    """
    if len(encoded) > longest:
        raise OAuthError("invalid_request", f"send at most {longest} characters")
    try:
        pairs = parse_qsl(
            encoded, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise OAuthError("invalid_request", "the parameters cannot be read") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise OAuthError("invalid_request", "send each parameter once")
    if any("\x00" in value for _, value in pairs):
        raise OAuthError("invalid_request", "a parameter holds a NUL character")
    return {name: value for name, value in pairs if value}


def words(parameters: Parameters, name: str) -> tuple[str, ...]:
    """Return the words of a parameter that is a list separated by spaces, each once and in order."""
    return tuple(dict.fromkeys(parameters.get(name, "").split(" "))) if name in parameters else ()


def required(parameters: Parameters, name: str) -> str:
    """Return a parameter.

    Raises:
        OAuthError: it is missing; `invalid_request`.
    """
    value = parameters.get(name)
    if value is None:
        raise OAuthError("invalid_request", f"{name} is required")
    return value

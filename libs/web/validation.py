"""Turns what Pydantic found wrong into field errors that name the place and the rule, and never repeat the input."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError

from libs.errors import DomainError
from libs.web.errors import InvalidRequest, MalformedBody, RouteNotFound

_MOST_ERRORS: Final = 30
_LONGEST_POINTER: Final = 200
_SHORTEST_ECHO: Final = 3

_OWN_WORDS: Final = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "union_tag_invalid": "has a discriminator that is not one of those allowed",
    "union_tag_not_found": "lacks its discriminator",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "uuid_parsing": "must be a UUID",
}
"""Rules whose standard words repeat the input or name a Python class."""


def refusal_of(error: RequestValidationError) -> DomainError:
    """Return the problem for a request that FastAPI found invalid."""
    found: Sequence[Mapping[str, Any]] = error.errors()
    first = found[0]
    if first["type"] == "json_invalid":
        return MalformedBody(_where_json_broke(first))
    if all(_location(one) == "path" for one in found):
        # An address that cannot name a resource names none; 422 is for payloads.
        return RouteNotFound("No resource has this address.")
    detail = "Correct the parts named in `errors` and send the request again."
    return InvalidRequest(
        detail, extensions={"errors": [_field_error(one) for one in found[:_MOST_ERRORS]]}
    )


def _where_json_broke(error: Mapping[str, Any]) -> str:
    # The rest of the message may repeat a character of the body.
    reason = str(error.get("ctx", {}).get("error", "")).split(":", 1)[0].split("'", 1)[0].strip()
    position = error["loc"][-1]
    return f"Reading stopped at character {position}: {reason or 'not JSON'}."


def _location(error: Mapping[str, Any]) -> str:
    return str(error["loc"][0]) if error["loc"] else "body"


def _field_error(error: Mapping[str, Any]) -> dict[str, str]:
    location, rest = _location(error), list(error["loc"][1:])
    place = (
        {"pointer": _pointer(rest)}
        if location == "body"
        else {"name": ".".join(str(part) for part in rest)[:_LONGEST_POINTER]}
    )
    return {
        "location": location,
        **place,
        "code": str(error["type"]),
        "detail": _detail(error),
    }


def _pointer(parts: Sequence[object]) -> str:
    """Build a JSON Pointer (RFC 6901), cut because names of unknown fields are the client's."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in parts)
    return "".join(f"/{part}" for part in escaped)[:_LONGEST_POINTER]


def _detail(error: Mapping[str, Any]) -> str:
    own = _OWN_WORDS.get(error["type"])
    if own is not None:
        return own
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    sent = error.get("input")
    if isinstance(sent, str) and len(sent) >= _SHORTEST_ECHO and sent in message:
        return "is not valid"
    return message

"""Entity tags and conditional requests (RFC 9110 section 13): lost updates are refused, unchanged bodies not re-sent."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from libs.errors import DomainError

PRIVATE: Final = "private, no-store"
"""`Cache-Control` of anything personal, and the default."""

NO_STORE: Final = "no-store"
"""`Cache-Control` of secrets and of answers between services."""

PUBLIC_CATALOGUE: Final = "public, max-age=30, s-maxage=300, stale-if-error=600"
"""`Cache-Control` of the public catalogue: half a minute in browsers, five minutes in the CDN."""

_TAG: Final = re.compile(r'(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\xff]*")')


class PreconditionRequired(DomainError):
    """A lost update would cost money or stock here, so the client must say what it saw (RFC 6585 section 3)."""

    code: ClassVar[str] = "precondition_required"
    status: ClassVar[int] = 428
    title: ClassVar[str] = "If-Match is required"


class PreconditionFailed(DomainError):
    """Somebody changed the resource since the client read it."""

    code: ClassVar[str] = "precondition_failed"
    status: ClassVar[int] = 412
    title: ClassVar[str] = "The resource has changed"


def etag_of(state: int | bytes) -> str:
    """Return the strong tag of a version number, or of the very bytes of a body."""
    if isinstance(state, int):
        return f'"v{state}"'
    return f'"{hashlib.sha256(state).hexdigest()[:32]}"'


def require_match(request: Request, current: str) -> None:
    """Let the request pass only if its `If-Match` names the current tag.

    Raises:
        PreconditionRequired: the header is missing.
        PreconditionFailed: the resource has another tag now.
    """
    if "if-match" not in request.headers:
        raise PreconditionRequired("Read the resource and send its ETag as If-Match.")
    check_match(request, current)


def check_match(request: Request, current: str) -> None:
    """Honour `If-Match` if the client sent it; weak tags never match (RFC 9110 section 13.1.1).

    Raises:
        PreconditionFailed: the resource has another tag now.
    """
    header = _joined(request, "if-match")
    if header is None or header == "*":
        return
    strong = {found["tag"] for found in _TAG.finditer(header) if not found["weak"]}
    if current not in strong:
        raise PreconditionFailed(
            "Read the resource again, look at what changed and send its new ETag.",
            headers={"ETag": current},
        )


def unless_stale(request: Request) -> Callable[[int], None]:
    """Return a check of a version, for a use case to make once it has locked the row; it raises PreconditionFailed."""
    return lambda version: check_match(request, etag_of(version))


def not_modified(request: Request, etag: str) -> bool:
    """Tell whether `If-None-Match` already names this tag (weak comparison, RFC 9110 section 13.1.2)."""
    header = _joined(request, "if-none-match")
    if header is None:
        return False
    return header == "*" or etag.removeprefix("W/") in {one["tag"] for one in _TAG.finditer(header)}


def json_response(
    model: BaseModel | bytes,
    *,
    status: int = 200,
    etag: str | None = None,
    headers: Mapping[str, str] | None = None,
    cache_control: str = PRIVATE,
) -> Response:
    """Answer with a model, or with JSON that is already bytes, and the headers every representation carries."""
    body = model if isinstance(model, bytes) else model.model_dump_json().encode()
    return Response(
        body,
        status,
        {**_representation_headers(etag, cache_control), **(headers or {})},
        media_type="application/json",
    )


def not_modified_response(etag: str, *, cache_control: str = PRIVATE) -> Response:
    """Answer 304: the client's copy is still right."""
    return Response(status_code=304, headers=_representation_headers(etag, cache_control))


def conditional_response(
    request: Request, model: BaseModel | bytes, *, etag: str, cache_control: str = PRIVATE
) -> Response:
    """Answer a GET with 304 when the client already has this tag, else with the body."""
    if not_modified(request, etag):
        return not_modified_response(etag, cache_control=cache_control)
    return json_response(model, etag=etag, cache_control=cache_control)


def _representation_headers(etag: str | None, cache_control: str) -> dict[str, str]:
    return {"Cache-Control": cache_control} | ({"ETag": etag} if etag is not None else {})


def _joined(request: Request, name: str) -> str | None:
    values = request.headers.getlist(name)
    return ", ".join(values).strip() if values else None

"""Refuses bodies of a kind the operation does not read, before anything tries to read them."""

from typing import Final

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.web.errors import UnsupportedMediaType
from libs.web.merge_patch import MERGE_PATCH_TYPE
from libs.web.middleware.scopes import header_of

_JSON: Final = "application/json"
_CHARSETS: Final = frozenset({"", "charset=utf-8"})


class MediaType:
    """Lets JSON through to operations that read a body, and merge patches to PATCH.

    What is not plain JSON is looked at closely, which costs a second search for the route: an unknown path stays a
    404, a wrong method a 405, and an operation that reads no body does not care.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _has_body(scope):
            _check(scope)
        await self._app(scope, receive, send)


def _has_body(scope: Scope) -> bool:
    return (
        header_of(scope, b"content-length") not in {None, "0"}
        or header_of(scope, b"transfer-encoding") is not None
    )


def _check(scope: Scope) -> None:
    if header_of(scope, b"content-encoding") not in {None, "identity"}:
        raise UnsupportedMediaType(
            "Send the body uncompressed.", headers={"Accept-Encoding": "identity"}
        )
    media_type, _, parameters = (header_of(scope, b"content-type") or "").partition(";")
    media_type = media_type.strip().lower()
    known_charset = parameters.strip().lower().replace('"', "") in _CHARSETS
    if media_type == _JSON and known_charset:
        return
    accepted = _accepted_by_operation(scope)
    if accepted and not (known_charset and media_type in accepted):
        raise UnsupportedMediaType(
            f"Send the body as {' or '.join(accepted)}.",
            headers={
                "Accept-Patch" if scope["method"] == "PATCH" else "Accept": ", ".join(accepted)
            },
        )


def _accepted_by_operation(scope: Scope) -> tuple[str, ...]:
    """Return the media types the operation reads; none if there is no operation or it reads no body itself."""
    reads = any(
        route.body_field is not None
        for route in iter_route_contexts(scope["app"].routes)
        if _is_for(route, scope)
    )
    if not reads:
        return ()
    return (MERGE_PATCH_TYPE, _JSON) if scope["method"] == "PATCH" else (_JSON,)


def _is_for(route: RouteContext, scope: Scope) -> bool:
    return hasattr(route, "body_field") and route.matches(scope)[0] is Match.FULL

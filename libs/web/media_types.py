"""Refuses bodies of a kind the operation does not read, before anything tries to read them."""

from typing import Final

from fastapi import Request, params
from fastapi.routing import APIRoute

from libs.web.errors import UnsupportedMediaType
from libs.web.merge_patch import MERGE_PATCH_TYPE

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


async def require_media_type(request: Request) -> None:
    """Let only JSON through to operations that read JSON, merge patches to PATCH, forms to those that read forms.

    The dependency of every operation, so an unknown path is still a 404 and a wrong method a 405.

    Raises:
        UnsupportedMediaType: the body is something else, or compressed.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.body_field is None or not _has_body(request):
        return
    accepted = _accepted(route, request.method)
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() not in accepted or charset not in {"", "charset=utf-8"}:
        raise _refusal(accepted, request.method)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType(
            "Send the body uncompressed.", headers={"Accept-Encoding": "identity"}
        )


def _has_body(request: Request) -> bool:
    return (
        request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    )


def _accepted(route: APIRoute, method: str) -> tuple[str, ...]:
    if route.body_field is not None and isinstance(route.body_field.field_info, params.Form):
        return (_FORM,)
    return (MERGE_PATCH_TYPE, _JSON) if method == "PATCH" else (_JSON,)


def _refusal(accepted: tuple[str, ...], method: str) -> UnsupportedMediaType:
    listed = ", ".join(accepted)
    headers = {"Accept-Patch" if method == "PATCH" else "Accept": listed}
    return UnsupportedMediaType(f"Send the body as {' or '.join(accepted)}.", headers=headers)

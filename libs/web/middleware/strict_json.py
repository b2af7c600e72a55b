"""Refuses JSON that different readers understand differently (RFC 8259 section 4, RFC 7493)."""

import json
from typing import NoReturn

from starlette.types import ASGIApp, Receive, Scope, Send

from libs.web.errors import MalformedBody
from libs.web.middleware.intake import BufferedBody
from libs.web.middleware.scopes import header_of


class StrictJson:
    """Refuses members named twice, NaN and infinity, and endless nesting, before anything acts on the last of two.

    What is not JSON at all is left to the operation: it may read no body, or want to see a signature first.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(receive, BufferedBody) and receive.content and _is_json(scope):
            _check(receive.content)
        await self._app(scope, receive, send)


def _is_json(scope: Scope) -> bool:
    media_type = (header_of(scope, b"content-type") or "").partition(";")[0]
    return media_type.strip().lower().endswith(("/json", "+json"))


def _check(body: bytes) -> None:
    try:
        json.loads(body, object_pairs_hook=_refuse_repetition, parse_constant=_refuse_constant)
    except RecursionError:
        raise MalformedBody("Nest arrays and objects less deeply.") from None
    except ValueError:
        return


def _refuse_repetition(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise MalformedBody("Name each member of an object once.")


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedBody("NaN and Infinity are not JSON; send a number or null.")

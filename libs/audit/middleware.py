"""Sees which requests are refused for who sent them: 401, 403, and 404 for what belongs to somebody else."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.audit.log import ANONYMOUS
from libs.audit.origin import coming_from, origin_of
from libs.audit.refusals import Refusal, Refusals
from libs.observability.context import request_id_var

_DENIED: Final = frozenset({401, 403})
_NOT_FOUND: Final = 404
_AUDIENCE: Final = "x-audience"
_PUBLIC: Final = "public"


class WatchRefusals:
    """Notes every refusal with the operation, the caller and a keyed hash of the address, in `app.state.refusals`.

    A 404 of a public operation is an ordinary one. Everywhere else it may hide that something exists and belongs to
    somebody else (services answer both the same), so it is noted, too.
    """

    def __init__(self, app: ASGIApp, key: bytes) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        origin = origin_of(client[0], self._key) if client else None

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                refusal = _refusal(scope, message["status"], origin)
                if refusal is not None:
                    refusals: Refusals = scope["app"].state.refusals
                    refusals.note(refusal, request_id_var.get())
            await send(message)

        with coming_from(origin):
            await self._app(scope, receive, send_and_note)


def _refusal(scope: Scope, status: int, origin: str | None) -> Refusal | None:
    route = scope.get("route")
    if status not in _DENIED and not (status == _NOT_FOUND and _is_personal(route)):
        return None
    state = scope.get("state", {})
    return Refusal(
        subject=getattr(route, "name", None) or "unmatched",
        code=state.get("problem_code", "none"),
        status=status,
        actor=_actor(state),
        origin=origin,
    )


def _is_personal(route: object) -> bool:
    told: dict[str, object] = getattr(route, "openapi_extra", None) or {}
    return told.get(_AUDIENCE, _PUBLIC) != _PUBLIC


def _actor(state: dict[str, object]) -> str:
    principal = state.get("principal") or state.get("verified")
    actor = getattr(principal, "actor", None)
    if isinstance(actor, str):
        return actor
    caller = state.get("caller")
    return f"service:{caller}" if caller else ANONYMOUS

"""Runs a whole request again when its transaction lost against another one (SQLSTATE 40001 and 40P01)."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.database.session import is_retryable
from libs.deadline import require_time
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from libs.observability.paths import route_template
from libs.web.middleware.intake import BufferedBody
from libs.web.resilience import full_jitter

_ATTEMPTS: Final = 3
_BASE_SECONDS: Final = 0.01
_CAP_SECONDS: Final = 0.1

log = get_logger(__name__)

_replays: Final = counter(
    "meridian.http.replays",
    unit="{request}",
    description="Requests run again because their transaction lost a conflict.",
)


class TransactionReplay:
    """Replays up to twice, only while nothing was answered: the lost transaction left no trace.

    The whole request runs again because a decision taken on what the lost transaction read may be wrong now.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(receive, BufferedBody):
            await self._app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        before = {**scope, "state": dict(scope.get("state", {}))}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._app(scope, receive, send_and_note)
            except Exception as error:
                if started or attempt == _ATTEMPTS or not is_retryable(error):
                    raise
            else:
                return
            _replays.add(1, {"http.route": route_template(scope)})
            log.info("transaction_replayed", route=route_template(scope), attempt=attempt)
            await asyncio.sleep(full_jitter(attempt, _BASE_SECONDS, _CAP_SECONDS))
            require_time()
            receive.rewind()
            # The same dictionary, because outer layers read the route from it afterwards.
            scope.clear()
            scope.update({**before, "state": dict(before["state"])})

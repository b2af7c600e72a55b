"""The last exception handler: whatever is raised below becomes a problem document."""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.observability.logging import get_logger
from libs.observability.paths import shown_path
from libs.web.handlers import error_answer

log = get_logger(__name__)


class ErrorBoundary:
    """Answers for exceptions nothing else handled; after an answer began it can only break the connection off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            log.info("client_disconnected", path=shown_path(scope))
        except Exception as error:
            if started:
                log.exception("response_broken_off", path=shown_path(scope))
                raise
            response = error_answer(error, scope)
            await response(scope, receive, send_and_note)

"""Reads how long the caller waits, so that this service and those it calls stop in time."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.web.deadline import DEADLINE_HEADER, DeadlineExceeded, deadline_in
from libs.web.middleware.scopes import header_of

_LONGEST_SECONDS: Final = 60.0
_MOST_DIGITS: Final = 6
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_HEADER: Final = DEADLINE_HEADER.lower().encode()


class DeadlineLimit:
    """Answers 504 when the caller's time is over.

    Reads are broken off in the middle. Writes that have begun are finished: their outcome counts more than the time,
    and their outbound calls stop by themselves. Once an answer has begun it may take as long as it likes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        seconds = _asked_seconds(scope) if scope["type"] == "http" else None
        if seconds is None:
            await self._app(scope, receive, send)
            return
        if seconds <= 0:
            raise DeadlineExceeded("Try again with more time.")
        with deadline_in(seconds):
            if scope["method"] in _SAFE_METHODS:
                await self._broken_off(scope, receive, send, seconds)
            else:
                await self._app(scope, receive, send)

    async def _broken_off(self, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
        async def send_and_go_on(message: Message) -> None:
            if not limit.expired():
                limit.reschedule(None)
            await send(message)

        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await self._app(scope, receive, send_and_go_on)
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceeded("Try again with more time.") from None


def _asked_seconds(scope: Scope) -> float | None:
    """Return the header's value in seconds; what is not a number of milliseconds is ignored."""
    value = header_of(scope, _HEADER)
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return min(int(value[:_MOST_DIGITS]) / 1000, _LONGEST_SECONDS)

"""Answers in the caller's time, whatever the work behind it does."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.deadline import DEADLINE_HEADER, Deadline, DeadlineExceeded, deadline_in
from libs.observability.logging import get_logger
from libs.web.errors import problem_response
from libs.web.middleware.scopes import header_of

_LONGEST_SECONDS: Final = 60.0
_MOST_DIGITS: Final = 6
_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_HEADER: Final = DEADLINE_HEADER.lower().encode()

log = get_logger(__name__)


class DeadlineLimit:
    """Answers 504 when the caller's time is over.

    Reads are broken off in the middle. Writes that have begun go on without the caller: their outcome counts more than
    the time, and they start no further call or transaction. Once an answer has begun it may take as long as it likes.
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
        answer = _Answer(scope, receive, send)
        with deadline_in(seconds, answer.watch) as deadline:
            await answer.made_by(self._app, deadline)


class _Answer:
    """One request's answer: the application's, or ours when the time is over before it began."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._worker = asyncio.current_task()
        self._alarm: asyncio.TimerHandle | None = None
        self._refusal: asyncio.Task[None] | None = None
        self._begun = False

    def watch(self, ends_at: float) -> None:
        """Wake up at this moment of the loop's clock."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self._begun and ends_at != float("inf"):
            self._alarm = asyncio.get_running_loop().call_at(ends_at, self._refuse)

    async def made_by(self, app: ASGIApp, deadline: Deadline) -> None:
        """Run the application to its end, which may come after the answer."""
        self.watch(deadline.ends_at)
        try:
            await app(self._scope, self._receive, self._pass_on)
        except asyncio.CancelledError:
            if self._refusal is None or self._worker is None or self._worker.uncancel() > 0:
                raise
        except Exception as error:
            if self._refusal is None:
                raise
            log.warning("work_failed_after_its_deadline", exc_info=error)
        finally:
            self._begun = True
            self.watch(float("inf"))
        if self._refusal is not None:
            await self._refusal

    async def _pass_on(self, message: Message) -> None:
        if self._refusal is not None:
            return
        if not self._begun:
            self._begun = True
            self.watch(float("inf"))
        await self._send(message)

    def _refuse(self) -> None:
        self._begun = True
        self._refusal = asyncio.get_running_loop().create_task(self._refused(), name="deadline")
        if self._worker is not None and self._scope["method"] in _SAFE_METHODS:
            self._worker.cancel()

    async def _refused(self) -> None:
        error = DeadlineExceeded(
            "Try again with more time; send the same Idempotency-Key, for the work may still be done.",
            headers={"Retry-After": "1"},
        )
        await problem_response(error, self._scope["path"])(self._scope, self._receive, self._send)


def _asked_seconds(scope: Scope) -> float | None:
    """Return the header's value in seconds; what is not a number of milliseconds is ignored."""
    value = header_of(scope, _HEADER)
    if value is None or not (value.isascii() and value.isdigit()):
        return None
    return min(int(value[:_MOST_DIGITS]) / 1000, _LONGEST_SECONDS)

"""Runs one money call under its idempotency key and then spoils the answer as the token says."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from simulator.book import Answer, Book
from simulator.errors import SimulatorError, error_body
from simulator.offload import Offload
from simulator.rules import Fault
from simulator.settings import SimulatorSettings

_LONGEST_KEY: Final = 255
_LOST_ANSWER: Final = Answer(
    500, error_body("api_error", "internal_error", "Something went wrong on our side.")
)


class Engine:
    """Stripe v1 semantics: the first answer is remembered and replayed, refusals of the request are not."""

    def __init__(
        self, book: Book, offload: Offload, settings: SimulatorSettings, stopping: asyncio.Event
    ) -> None:
        self._book = book
        self._offload = offload
        self._settings = settings
        self._stopping = stopping

    @property
    def book(self) -> Book:
        return self._book

    async def execute(
        self, key: str | None, parameters: object, fault: Fault, effect: Callable[[str], Answer]
    ) -> tuple[Answer, bool]:
        """Return the answer and whether it is a replay.

        Raises:
            SimulatorError: no usable key, a key used for something else or still being executed, or
                a refusal from before the effect.
        """
        key = _usable(key)
        fingerprint = _fingerprint(parameters)
        known = await self._offload.call(self._book.claim, key, fingerprint)
        if known is not None:
            return known, True
        try:
            if fault is Fault.SLOW:
                await self._pause(self._settings.slow_seconds)
            answer = await self._offload.call(effect, key)
        except BaseException:
            await self._offload.call(self._book.release, key)
            raise
        if fault is Fault.HANG_AFTER:
            await self._pause(self._settings.hang_seconds)
        return (_LOST_ANSWER if fault is Fault.ERROR_AFTER else answer), False

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _usable(key: str | None) -> str:
    if key is None or not key.strip():
        message = "POST needs an Idempotency-Key header."
        raise SimulatorError(400, "invalid_request_error", "idempotency_key_missing", message)
    if len(key) > _LONGEST_KEY or not key.isprintable():
        message = f"An Idempotency-Key has at most {_LONGEST_KEY} printable characters."
        raise SimulatorError(400, "invalid_request_error", "idempotency_key_malformed", message)
    return key


def _fingerprint(parameters: object) -> str:
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()

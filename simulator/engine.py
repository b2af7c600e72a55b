"""Runs one money call under its idempotency key and then spoils the answer as the token says."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from simulator.book import Answer, Book
from simulator.errors import ConnectionCutError, SimulatorError, error_body
from simulator.offload import Offload
from simulator.rules import Fault
from simulator.settings import SimulatorSettings
from simulator.shapes import misstated

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
        self._spoilt: set[str] = set()

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
            await self._before(key, fault)
            answer = await self._offload.call(effect, key)
        except BaseException:
            await self._offload.call(self._book.release, key)
            raise
        return await self._after(fault, answer), False

    async def _before(self, key: str, fault: Fault) -> None:
        """Spoil the first try of a call that shall have no effect; its repetition goes through."""
        if fault is Fault.SLOW:
            await self._pause(self._settings.slow_seconds)
        if fault not in _WITHOUT_EFFECT or key in self._spoilt:
            return
        self._spoilt.add(key)
        if fault is Fault.CUT_BEFORE:
            raise ConnectionCutError
        if fault is Fault.RATE_LIMITED:
            raise _rate_limited()
        if fault is Fault.HANG_BEFORE:
            await self._pause(self._settings.hang_seconds)
        raise _unavailable()

    async def _after(self, fault: Fault, answer: Answer) -> Answer:
        """Spoil the first answer to a call that had its effect; the answer itself is remembered as it should be."""
        match fault:
            case Fault.HANG_AFTER:
                await self._pause(self._settings.hang_seconds)
            case Fault.SLOW_AFTER:
                await self._pause(self._settings.slow_seconds)
            case Fault.ERROR_AFTER:
                return _LOST_ANSWER
            case Fault.CUT_AFTER:
                raise ConnectionCutError
            case Fault.WRONG_AMOUNT:
                return Answer(answer.status, misstated(answer.body))
        return answer

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


_WITHOUT_EFFECT: Final = frozenset(
    {Fault.HANG_BEFORE, Fault.ERROR_BEFORE, Fault.CUT_BEFORE, Fault.RATE_LIMITED}
)


def _rate_limited() -> SimulatorError:
    return SimulatorError(
        429, "rate_limit_error", "rate_limited", "Too many requests.", headers={"Retry-After": "1"}
    )


def _unavailable() -> SimulatorError:
    return SimulatorError(500, "api_error", "internal_error", "Something went wrong on our side.")


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

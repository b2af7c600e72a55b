"""Hints between processes that something changed. Loss is tolerated: who waits re-reads at least every second."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import redis.asyncio as redis_asyncio
from redis.asyncio.client import PubSub

from libs.cache.failures import REDIS_FAILURES
from libs.observability.logging import get_logger

BACKSTOP_SECONDS: Final = 1.0
"""The longest a waiter sleeps before it looks for itself."""

_LONGEST_RECONNECT_SECONDS: Final = 5.0

_log = get_logger(__name__)


class Hints:
    """Publishes hints and wakes the waiters of this process, with one listening connection for all of them."""

    def __init__(self, redis: redis_asyncio.Redis, service: str) -> None:
        """Tell and hear what concerns one service."""
        self._redis = redis
        self._prefix = f"hints:{service}:"
        self._waiters: defaultdict[tuple[str, str], set[asyncio.Event]] = defaultdict(set)
        self._channels: set[str] = set()
        self._listener: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self.listening = asyncio.Event()
        """Set while the listener has subscribed to every channel."""

    def publish(self, channel: str, key: str) -> None:
        """Tell every process that `key` changed; call it after the commit. Never waits, never raises."""
        self._wake(channel, key)
        task = asyncio.create_task(self._send(channel, key))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def subscribe(self, channel: str) -> "Subscription":
        """Start listening to a channel; the process keeps listening until `close`."""
        if channel not in self._channels:
            self._channels.add(channel)
            self.listening.clear()
            self._changed.set()
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="hints-listener")
        return Subscription(self, channel)

    async def close(self) -> None:
        """Send what is under way, then stop listening."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=2 * BACKSTOP_SECONDS)
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener

    @contextmanager
    def _registered(self, channel: str, key: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        waiters = self._waiters[channel, key]
        waiters.add(event)
        try:
            yield event
        finally:
            waiters.discard(event)
            if not waiters:
                self._waiters.pop((channel, key), None)

    def _wake(self, channel: str, key: str) -> None:
        for event in self._waiters.get((channel, key), ()):
            event.set()

    async def _send(self, channel: str, key: str) -> None:
        try:
            await self._redis.publish(self._prefix + channel, key)
        except REDIS_FAILURES as error:
            _log.debug("hint_lost", channel=channel, reason=type(error).__name__)

    async def _listen(self) -> None:
        pause = 0.1
        while True:
            pubsub = self._redis.pubsub()
            try:
                await self._follow(pubsub)
            except REDIS_FAILURES as error:
                self.listening.clear()
                _log.debug("hints_listener_reconnects", reason=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_RECONNECT_SECONDS)
            else:
                pause = 0.1
            finally:
                with suppress(*REDIS_FAILURES):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    async def _follow(self, pubsub: PubSub) -> None:
        """Read until the set of channels changes; subscribing again from scratch keeps this simple."""
        self._changed.clear()
        await pubsub.subscribe(*(self._prefix + channel for channel in self._channels))
        confirmations = len(self._channels)
        while not self._changed.is_set():
            message = await pubsub.get_message(timeout=BACKSTOP_SECONDS / 4)
            if message is None:
                continue
            if message["type"] == "subscribe":
                confirmations -= 1
                if confirmations == 0:
                    self.listening.set()
            elif message["type"] == "message":
                channel = message["channel"].decode().removeprefix(self._prefix)
                self._wake(channel, message["data"].decode())


class Subscription:
    """One channel's hints."""

    def __init__(self, hints: Hints, channel: str) -> None:
        self._hints = hints
        self._channel = channel

    @contextmanager
    def watch(self, key: str) -> Iterator["Watch"]:
        """Collect hints for a key from now on: open it before the first read, so that none falls between."""
        with self._hints._registered(self._channel, key) as event:  # noqa: SLF001 - two halves of one object
            yield Watch(event)

    async def wait(self, key: str, timeout: float) -> bool:  # noqa: ASYNC109 - the backstop is the point
        """Wait for one hint; False after `timeout` or a second, whichever is less. Re-read in both cases."""
        with self.watch(key) as watch:
            return await watch.wait(timeout)


class Watch:
    """Remembers whether a hint came since the last wait."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, timeout: float) -> bool:  # noqa: ASYNC109 - the backstop is the point
        """Return True at the next hint, False when it is time to look without one."""
        try:
            async with asyncio.timeout(min(timeout, BACKSTOP_SECONDS)):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

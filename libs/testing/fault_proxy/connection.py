"""One connection through the proxy: two pumps, and the fault they obey at the moment."""

import asyncio
import random
import socket
import struct
from typing import Final

from libs.testing.fault_proxy.fault import HEALTHY, Counts, Direction, Fault

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_CHUNK: Final = 65_536
_CHUNKS_UNDER_WAY: Final = 64
_DRIPS_PER_SECOND: Final = 20
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Cut(Exception):
    """The fault ends this connection."""


class Connection:
    """Forwards between a client and the upstream until one of them, or the fault, has enough."""

    def __init__(self, client: Streams, upstream: Streams, counts: Counts, rng: random.Random):
        self.fault = HEALTHY
        self._changed = asyncio.Event()
        self._counts = counts
        self._rng = rng
        self._writers = (client[1], upstream[1])
        self._pumps = (
            _Pump(self, "up", client[0], upstream[1]),
            _Pump(self, "down", upstream[0], client[1]),
        )

    async def run(self) -> None:
        """Forward until both sides have said all, or until the connection is broken."""
        try:
            async with asyncio.TaskGroup() as both:
                for pump in self._pumps:
                    both.create_task(pump.run())
        except* Cut:
            self._counts.broken += 1
        except* (OSError, RuntimeError, asyncio.CancelledError):  # uvloop's word for a closed one
            self.abort()
        finally:
            for writer in self._writers:
                writer.close()

    def apply(self, fault: Fault) -> None:
        """Meet this fault from now on, unless chance spares this connection."""
        self.fault = fault if self._rng.random() < fault.share else HEALTHY
        self._changed.set()
        self._changed = asyncio.Event()
        if self.fault.reset or self.fault.refuse:
            self.reset()
        elif self.fault.timeout_seconds is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self.fault.timeout_seconds, self._close_if_still, self.fault)

    def delay(self, direction: Direction) -> float:
        """Return the seconds a byte read now stays on the way."""
        fault = self.fault.on(direction)
        return fault.latency_seconds + self._rng.uniform(0.0, fault.jitter_seconds)

    async def passage(self, direction: Direction) -> Fault:
        """Wait until something may pass and return what it meets."""
        while self.fault.on(direction).holds:
            await self._changed.wait()
        return self.fault.on(direction)

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until the fault changes."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def passed(self, direction: Direction, count: int) -> None:
        """Take note of bytes that went through."""
        if direction == "up":
            self._counts.bytes_up += count
        else:
            self._counts.bytes_down += count

    def reset(self) -> None:
        """Break both sides off with an RST, as a killed process or a firewall does."""
        for writer in self._writers:
            hang_up_with_reset(writer)
        self._counts.broken += 1

    def abort(self) -> None:
        """End both sides without sending what is left."""
        for writer in self._writers:
            writer.transport.abort()

    def _close_if_still(self, fault: Fault) -> None:
        if self.fault is fault:
            self._counts.broken += 1
            self.abort()


class _Pump:
    """Moves bytes one way: read at once, delivered when their time has come and the fault lets them pass."""

    def __init__(
        self,
        connection: Connection,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._connection = connection
        self._direction: Direction = direction
        self._reader = reader
        self._writer = writer
        self._limited_by = HEALTHY
        self._left = 0
        self._under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_UNDER_WAY)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as both_ends:
            both_ends.create_task(self._take())
            both_ends.create_task(self._deliver())

    async def _take(self) -> None:
        loop = asyncio.get_running_loop()
        chunk = b"\0"
        while chunk:  # the empty one says that the sender has said all
            chunk = await self._reader.read(_CHUNK)
            due = loop.time() + self._connection.delay(self._direction)
            await self._under_way.put((due, chunk))

    async def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, chunk = await self._under_way.get()
            await asyncio.sleep(due - loop.time())
            await self._connection.passage(self._direction)
            if not chunk:
                self._writer.write_eof()
                return
            await self._pass(chunk)

    async def _pass(self, chunk: bytes) -> None:
        while chunk:
            fault = await self._connection.passage(self._direction)
            size = self._size_of_next(fault, len(chunk))
            self._writer.write(chunk[:size])
            await self._writer.drain()
            self._connection.passed(self._direction, size)
            chunk = chunk[size:]
            self._left -= size
            if fault.limit_bytes is not None and self._left <= 0:
                raise Cut
            if fault.bytes_per_second is not None:
                await self._connection.pause(size / fault.bytes_per_second)

    def _size_of_next(self, fault: Fault, size: int) -> int:
        if fault.bytes_per_second is not None:
            size = min(size, max(1, fault.bytes_per_second // _DRIPS_PER_SECOND))
        if fault.limit_bytes is not None:
            if fault is not self._limited_by:
                self._limited_by, self._left = fault, fault.limit_bytes
            size = min(size, self._left)
        return size


def hang_up_with_reset(writer: asyncio.StreamWriter) -> None:
    """Close with an RST instead of a FIN."""
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None and raw.family != socket.AF_UNIX and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()

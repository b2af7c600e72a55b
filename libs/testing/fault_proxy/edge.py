"""One listener in front of one upstream."""

import asyncio
import random
import socket
from types import TracebackType
from typing import Final, Self

from libs.testing.fault_proxy.connection import Connection, Streams, hang_up_with_reset
from libs.testing.fault_proxy.fault import HEALTHY, Counts, Fault

_HOST: Final = "127.0.0.1"
_BACKLOG: Final = 512


class Edge:
    """Listens on `port` of this machine and forwards to `upstream`, as well as its fault allows.

    Attributes:
        name: what the edge is called.
        upstream: `host:port`, or the path of a unix socket.
        port: where it listens; the same for life, so that a refused port is nobody else's meanwhile.
        fault: what is wrong with it now.
        counts: what it has seen.
    """

    def __init__(self, name: str, upstream: str, *, port: int = 0, seed: int = 0) -> None:
        self.name = name
        self.upstream = upstream
        self.fault = HEALTHY
        self.counts = Counts()
        self._rng = random.Random(f"{seed} {name}")  # noqa: S311 - chance that can be repeated, no secret
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = _bound(port)
        self._server: asyncio.Server | None = None
        self.port: int = self._socket.getsockname()[1]

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def apply(self, fault: Fault) -> None:
        """Have this fault from now on, for open connections too."""
        self.fault = fault
        if fault.refuse:
            self._stop_listening()
        for connection in tuple(self._connections):
            connection.apply(fault)
        if not fault.refuse:
            await self._listen()

    async def heal(self) -> None:
        """Only forward from now on."""
        await self.apply(HEALTHY)

    async def close(self) -> None:
        """Stop listening and break open connections off."""
        if self._server is not None:
            self._server.close()
        self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._accept, sock=self._socket, backlog=_BACKLOG
            )

    def _stop_listening(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        # Bound but not listening: the kernel refuses connections, and gives the port to nobody else.
        self._socket = _bound(self.port)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve((reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: Streams) -> None:
        self.counts.connections += 1
        self.counts.active += 1
        try:
            upstream = await self._reached(client)
            if upstream is not None:
                await self._forward(client, upstream)
        finally:
            client[1].close()
            self.counts.active -= 1

    async def _reached(self, client: Streams) -> Streams | None:
        try:
            return await _open(self.upstream)
        except OSError:
            self.counts.unreachable += 1
            hang_up_with_reset(client[1])
            return None

    async def _forward(self, client: Streams, upstream: Streams) -> None:
        connection = Connection(client, upstream, self.counts, self._rng)
        self._connections.add(connection)
        try:
            if self.fault is not HEALTHY:
                connection.apply(self.fault)
            await connection.run()
        finally:
            self._connections.discard(connection)


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((_HOST, port))
    bound.settimeout(0)
    return bound


async def _open(upstream: str) -> Streams:
    if upstream.startswith("/"):
        return await asyncio.open_unix_connection(upstream)
    host, _, port = upstream.rpartition(":")
    return await asyncio.open_connection(host, int(port))

"""The proxy between a real client and a real server: every fault does what it says, and healing undoes it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from libs.testing.fault_proxy.control import EdgeSpec
from libs.testing.fault_proxy.edge import Edge
from libs.testing.fault_proxy.fault import Fault
from libs.testing.fault_proxy.process import running_fault_proxy
from libs.testing.servers import free_port
from libs.testing.waiting import eventually

PATIENCE = 10.0
"""Seconds that nothing here takes; a broken proxy ends the test instead of stopping it."""

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@asynccontextmanager
async def serving(
    serve: Callable[[Reader, Writer], Awaitable[None]], path: Path | None = None
) -> AsyncIterator[str]:
    working: set[asyncio.Task[None]] = set()

    async def accept(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        working.add(task)
        await serve(reader, writer)

    if path is None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
    else:
        server = await asyncio.start_unix_server(accept, path)
    async with server:
        yield str(path or f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await asyncio.gather(*working)


async def echo(reader: Reader, writer: Writer) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with serving(echo) as upstream, Edge("echo", upstream, seed=7) as opened:
        yield opened


class Client:
    """A connection through the edge."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, text: bytes) -> None:
        self.writer.write(text)
        await self.writer.drain()

    async def hear(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(count)

    async def hear_all(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    def hang_up(self) -> None:
        self.writer.close()


Connect = Callable[[Edge], Awaitable[Client]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    async with AsyncExitStack() as clients:

        async def connected(edge: Edge) -> Client:
            client = Client(*await asyncio.open_connection("127.0.0.1", edge.port))
            clients.callback(client.hang_up)
            return client

        yield connected


async def test_without_a_fault_everything_passes_and_is_counted(
    edge: Edge, connect: Connect
) -> None:
    text = b"x" * 1_000_000
    client = await connect(edge)
    _, heard = await asyncio.gather(client.say(text), client.hear(len(text)))
    assert heard == text
    client.writer.write_eof()
    assert await client.hear_all() == b"", "the end of what was said passes too"
    client.writer.close()
    await eventually(lambda: edge.counts.active == 0)
    assert edge.counts.connections == 1
    assert (edge.counts.bytes_up, edge.counts.bytes_down) == (len(text), len(text))


async def test_a_refused_port_belongs_to_the_edge_still_and_listens_again(
    edge: Edge, connect: Connect
) -> None:
    open_already = await connect(edge)
    await eventually(lambda: edge.counts.active == 1)
    for _ in range(2):
        await edge.apply(Fault(refuse=True))
        with pytest.raises(ConnectionRefusedError):
            await connect(edge)
    with pytest.raises(ConnectionResetError):
        await open_already.hear_all()
    await edge.heal()
    client = await connect(edge)
    await client.say(b"again")
    assert await client.hear(5) == b"again"


async def test_a_reset_breaks_open_and_new_connections(edge: Edge, connect: Connect) -> None:
    client = await connect(edge)
    await client.say(b"hello")
    assert await client.hear(5) == b"hello"
    await edge.apply(Fault(reset=True))
    with pytest.raises(ConnectionResetError):
        await client.hear_all()
    with pytest.raises(ConnectionResetError):
        await (await connect(edge)).hear_all()
    assert edge.counts.broken == 2


async def test_nothing_leaves_a_black_hole_until_it_is_healed(edge: Edge, connect: Connect) -> None:
    client = await connect(edge)
    await edge.apply(Fault(blackhole=True))
    await client.say(b"hello")
    client.writer.write_eof()
    await connect(edge)
    await eventually(lambda: edge.counts.connections == 2)
    assert (edge.counts.bytes_up, edge.counts.bytes_down) == (0, 0)
    await edge.heal()
    assert await client.hear_all() == b"hello", "as TCP repeats what was not acknowledged"


async def test_a_black_hole_of_one_way_lets_the_other_pass(edge: Edge, connect: Connect) -> None:
    client = await connect(edge)
    await edge.apply(Fault(blackhole=True, direction="down"))
    await client.say(b"hello")
    await eventually(lambda: edge.counts.bytes_up == 5)
    assert edge.counts.bytes_down == 0
    await edge.heal()
    assert await client.hear(5) == b"hello"


async def test_latency_is_added_on_the_way_it_names_and_keeps_the_order(
    edge: Edge, connect: Connect
) -> None:
    await edge.apply(Fault(latency_seconds=0.2, jitter_seconds=0.1, direction="down"))
    client = await connect(edge)
    began = time.monotonic()
    for number in range(10):
        await client.say(b"%d" % number)
        await asyncio.sleep(0.002)
    await eventually(lambda: edge.counts.bytes_up == 10)
    assert await client.hear(10) == b"0123456789"
    assert time.monotonic() - began >= 0.2, "no machine is too fast for a delay"


async def test_a_slow_drip_passes_a_little_at_a_time(edge: Edge, connect: Connect) -> None:
    await edge.apply(Fault(bytes_per_second=200, direction="down"))
    client = await connect(edge)
    began = time.monotonic()
    await client.say(b"x" * 1000)
    assert await client.hear(60) == b"x" * 60
    assert time.monotonic() - began >= 0.2
    assert edge.counts.bytes_down < 1000
    await edge.heal()
    assert await client.hear(940) == b"x" * 940, "what was held back follows at once"


async def test_a_limited_connection_ends_in_the_middle(edge: Edge, connect: Connect) -> None:
    await edge.apply(Fault(limit_bytes=700, direction="down"))
    for _ in range(2):
        client = await connect(edge)
        await client.say(b"x" * 1000)
        assert await client.hear_all() == b"x" * 700
        client.writer.close()
    assert edge.counts.broken == 2


async def test_a_timeout_holds_everything_and_then_hangs_up(edge: Edge, connect: Connect) -> None:
    await edge.apply(Fault(timeout_seconds=0.1))
    client = await connect(edge)
    await client.say(b"hello")
    with suppress(ConnectionResetError):
        assert await client.hear_all() == b""
    assert edge.counts.bytes_up == 0


async def test_the_seed_decides_which_connections_a_fault_hits(connect: Connect) -> None:
    async def hit(seed: int) -> list[bool]:
        async with serving(echo) as upstream, Edge("echo", upstream, seed=seed) as edge:
            await edge.apply(Fault(reset=True, share=0.5))
            found = []
            for _ in range(12):
                client = await connect(edge)
                try:
                    await client.say(b"x")
                    found.append(await client.hear(1) != b"x")
                except (ConnectionError, asyncio.IncompleteReadError):
                    found.append(True)
            return found

    first = await hit(3)
    assert first == await hit(3)
    assert first != await hit(4)
    assert {True, False} == set(first)


async def test_an_upstream_that_is_away_looks_like_a_reset(connect: Connect) -> None:
    async with Edge("nobody", f"127.0.0.1:{free_port()}") as edge:
        with pytest.raises(ConnectionResetError):
            await (await connect(edge)).hear_all()
        assert edge.counts.unreachable == 1


async def test_an_upstream_may_be_a_unix_socket(tmp_path: Path, connect: Connect) -> None:
    async with serving(echo, tmp_path / "s") as upstream, Edge("echo", upstream) as edge:
        client = await connect(edge)
        await client.say(b"hello")
        assert await client.hear(5) == b"hello"


async def test_a_proxy_process_is_switched_by_its_remote_control(tmp_path: Path) -> None:
    async with serving(echo) as upstream:
        with running_fault_proxy({"first": upstream}, tmp_path / "log", seed=1) as proxy:
            port = proxy.add("second", upstream)
            proxy.apply("second", Fault(blackhole=True))
            edges = proxy.edges()
            assert edges["second"].fault == Fault(blackhole=True)
            assert edges["second"].port == port
            reader, writer = await asyncio.open_connection("127.0.0.1", edges["first"].port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            proxy.heal_all()
            proxy.apply("first", Fault(reset=True))
            with pytest.raises(ConnectionResetError):
                await reader.read()
            proxy.heal("first")
            edges = proxy.edges()
            assert edges["first"].fault == edges["second"].fault == Fault()
            assert edges["first"].counts.bytes_down == 5
            writer.close()
            for refused in (
                lambda: proxy.heal("third"),
                lambda: proxy.add("first", upstream),
                lambda: proxy.add("fourth", upstream, port=edges["first"].port),
            ):
                with pytest.raises(httpx.HTTPStatusError):
                    refused()


@pytest.mark.parametrize("text", ["name", "name=upstream", "=1:up", "name=1:", "name=x:up:1"])
def test_a_misspelled_edge_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write an edge as"):
        EdgeSpec.parse(text)


def test_an_edge_is_read_from_a_word() -> None:
    spec = EdgeSpec.parse("db=15432:127.0.0.1:5432")
    assert (spec.name, spec.port, spec.upstream) == ("db", 15432, "127.0.0.1:5432")

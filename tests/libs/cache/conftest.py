"""A Redis that is there, and one that is not."""

import socket
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from libs.cache.redis import open_redis
from libs.testing.servers import REDIS_PATIENCE


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[redis_asyncio.Redis]:
    client = open_redis(redis_url, REDIS_PATIENCE)
    yield client
    await client.aclose()


@pytest.fixture
async def absent_redis() -> AsyncIterator[redis_asyncio.Redis]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: every connection is refused
        client = open_redis(f"redis://127.0.0.1:{unused.getsockname()[1]}/0")
        yield client
        await client.aclose()

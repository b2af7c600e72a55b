"""One stack for the journeys, and clients for its gateway."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.e2e.shopper import Shopper
from tests.e2e.stack import Stack, start_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = start_stack(tmp_path_factory.mktemp("stack"))
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=120)
    async with httpx.AsyncClient(base_url=stack.gateway, timeout=60, limits=limits) as client:
        yield client


@pytest.fixture
async def admin(stack: Stack, http: httpx.AsyncClient) -> Shopper:
    return await Shopper(http).log_in_as(stack.administrator)

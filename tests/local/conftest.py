"""An edge on a real Envoy in front of a stand-in for the services."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from edge.table import load_table
from local.paths import Paths
from tests.local.edge import running_edge
from tests.local.upstream import Upstream, running_upstream


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "edge", "use": "sig", "alg": "RS256"})


@pytest.fixture(scope="module")
def upstream(key: RSAKey) -> Iterator[Upstream]:
    with running_upstream(key) as running:
        yield running


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "home")
    made.create()
    return made


@pytest.fixture(scope="module")
def module_paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    made = Paths(tmp_path_factory.mktemp("edge"))
    made.create()
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(upstream: Upstream, module_paths: Paths) -> AsyncIterator[httpx.AsyncClient]:
    async with running_edge(upstream, module_paths, load_table()) as http:
        yield http

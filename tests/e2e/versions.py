"""Two versions of the shop at the same time: the one that was released, and the one in this tree."""

import asyncio
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import httpx
import pytest
from typing_extensions import override

from bench.versions.tree import CommitMissing, unpack
from edge.table import load_table
from libs.ids import new_id
from libs.testing.processes import ServiceProcess, start_process
from libs.topology import SERVICES
from local.credentials import load_credentials
from local.environments import Environments
from local.paths import Paths
from local.settings import ROOT, StackSettings
from tests.e2e.replicas import free_port
from tests.e2e.stack import OVERRIDES, PATIENCE, Stack

RELEASED: Final = "f61af37"
"""What runs somewhere now; each release moves it on. Its code and ours must work side by side."""


def released_tree(folder: Path) -> Path:
    """Unpack the released code."""
    try:
        unpack(RELEASED, folder)
    except CommitMissing as missing:
        pytest.skip(str(missing))
    return folder


@dataclass
class Fleet:
    """The API processes of every version, by service; a client of the fleet may meet any of them."""

    urls: dict[str, list[str]] = field(
        default_factory=lambda: {service: [] for service in SERVICES}
    )

    def add(self, service: str, url: str) -> None:
        self.urls[service].append(url)

    def remove(self, service: str, url: str) -> None:
        self.urls[service].remove(url)


class AnyVersion(httpx.AsyncBaseTransport):
    """Sends each request to one process of the service that owns the path, as a cluster would in a roll-out."""

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        self._fleet = fleet
        self._chance = chance
        self._owners = {
            route.matcher.path: route.service
            for route in load_table().edge_routes
            if route.matcher.kind != "template"
        }
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=64))

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = self._chance.choice(self._fleet.urls[self._owner(request.url.path)])
        target = httpx.URL(url)
        request.url = request.url.copy_with(host=target.host, port=target.port)
        # The edge gives every request its id; without one here, the answer would not be told apart in a log.
        request.headers.setdefault("X-Request-Id", new_id("req"))
        return await self._inner.handle_async_request(request)

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()

    def _owner(self, path: str) -> str:
        places = [place for place in self._owners if path.startswith(place)]
        return self._owners[max(places, key=len)]


def environments_of(stack: Stack) -> Environments:
    """What this tree's code would give the processes of a stack that another version started."""
    settings = StackSettings(
        meridian_home=stack.home / "meridian",
        port_offset=int(stack.environment["PORT_OFFSET"]),
        ministack_python=Path(stack.environment["MINISTACK_PYTHON"]),
    )
    paths = Paths(settings.meridian_home)
    overrides = dict(line.split("=") for line in (OVERRIDES + PATIENCE).split())
    return Environments(settings, paths, load_credentials(paths), overrides)


def redis_without_users(environments: Environments) -> str | None:
    """Return where every process signs in with one password, or None if the version that started Valkey made users."""
    config = (environments.paths.secrets / "valkey.conf").read_text()
    options = dict(line.partition(" ")[::2] for line in config.splitlines())
    if "requirepass" not in options:
        return None
    return f"redis://:{options['requirepass']}@127.0.0.1:{options['port']}/0"


def as_released(environments: Environments) -> Environments:
    """Return the same for the released version, whose processes sign in to Redis as they did until the last is gone."""
    url = redis_without_users(environments)
    if url is None:
        return environments
    settings = environments.settings.model_copy(update={"redis_url": url})
    return replace(environments, settings=settings)


async def run_tool(module: str, *arguments: str, environment: Mapping[str, str]) -> None:
    """Run one of this tree's command lines to its end, while others trade."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=dict(environment), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


@contextmanager
def running_version(
    environments: Environments,
    tree: Path,
    log: Path,
    peers: Mapping[str, str],
    services: Sequence[str] = SERVICES,
) -> Iterator[dict[str, ServiceProcess]]:
    """Run services of a tree, API and worker in one process, each calling `peers` or else its own kind."""
    ports = {service: free_port() for service in services}
    own = {service: f"http://127.0.0.1:{port}" for service, port in ports.items()}
    addresses = {f"{s.upper()}_BASE_URL": url for s, url in {**own, **peers}.items()}
    version = replace(environments, overrides={**environments.overrides, **addresses})
    started: dict[str, ServiceProcess] = {}
    try:
        for service, port in ports.items():
            environment = version.service(service, role="all", port=port)
            started[service] = start_process(
                ["-m", f"services.{service}.main", "all"],
                {**environment, "PYTHONPATH": str(tree)},
                own[service],
                log.with_name(f"{log.name}-{service}.log"),
                folder=tree,
            )
        yield started
    finally:
        for one in started.values():
            one.stop()

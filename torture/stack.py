"""The stack that is tortured: a folder, ports and a source tree of its own, its wires running through proxies."""

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from libs.testing.fault_proxy.process import FaultProxy, running_fault_proxy
from libs.testing.servers import running_unruly
from libs.testing.staff import Administrator
from libs.testing.unruly import Unruliness
from libs.topology import DATABASE_NAME, LOCAL_PORTS
from local.child import start_supervisor, stop_supervisor
from local.credentials import load_credentials
from local.paths import Paths
from local.postgres import admin_url
from local.settings import ROOT, StackSettings, inherited_environment, load_settings
from local.state import StateFile

START_SECONDS: Final = 180.0
STOP_SECONDS: Final = 30.0
PORT_OFFSETS: Final = range(12_000, 15_000, 200)
"""Below the ports the kernel gives to outgoing connections, beside those of tests and benchmark."""

WIRES: Final = ("product", "cart", "user", "simulator")
"""Who is reached through the fault proxy, besides the broker: everybody a service calls."""

BROKER: Final = "broker"

_OVERRIDES: Final = {
    "RATE_LIMIT_REQUESTS": "100000000",
    "LOGIN_ATTEMPTS_PER_ADDRESS": "1000000",
    "REGISTRATIONS_PER_ADDRESS": "1000000",
    "HOLD_SECONDS": "60",
    "ACTION_TIMEOUT_SECONDS": "30",
}
"""All customers share one address; what a checkout that died holds, and what a customer never confirms, must come back
while the run can wait for it."""

_LAST_LINES: Final = 10


class StackFailed(Exception):
    """The stack did not start; the message quotes its last lines."""


@dataclass(frozen=True)
class Site:
    """Where the stack lives, running or not.

    Attributes:
        folder: for its state, its logs and the history.
        port_offset: added to every port.
        split: whether workers are processes of their own.
        seed: decides on the proxies' choices.
        duplicates: share of messages that come twice.
        root: the source tree it runs; a private copy when it is a mutant.
        settings_of_services: what every service finds in its environment besides.
    """

    folder: Path
    port_offset: int
    split: bool
    seed: int
    duplicates: float = 0.02
    root: Path = ROOT
    settings_of_services: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> Paths:
        return Paths(self.folder / "meridian")

    @property
    def settings(self) -> StackSettings:
        return StackSettings.model_construct(
            meridian_home=self.paths.home, port_offset=self.port_offset
        )

    @property
    def database(self) -> str:
        """The shop's database, as its administrator."""
        address = admin_url(self.settings, load_credentials(self.paths).postgres)
        return f"{address.rpartition('/')[0]}/{DATABASE_NAME}"

    @property
    def administrator(self) -> Administrator:
        """Who is all the staff there is."""
        known = load_credentials(self.paths)
        return Administrator(
            self.settings.admin_email, known.admin_password, known.admin_totp, self.settings.issuer
        )

    @property
    def log(self) -> Path:
        return self.folder / "up.log"

    def process(self, part: str) -> psutil.Process | None:
        """Return a part's process if it runs now and is still the one the supervisor started."""
        record = StateFile(self.paths.state).read().parts.get(part)
        return record.process() if record else None

    def environment(self, proxy: FaultProxy) -> dict[str, str]:
        """Write down what services find in their environment, and return what the supervisor is told."""
        ports = {name: edge.port for name, edge in proxy.edges().items()}
        addresses = {f"{name.upper()}_BASE_URL": _local(ports[name]) for name in WIRES[:-1]}
        values = {
            **_OVERRIDES,
            **addresses,
            "PROVIDER_BASE_URL": _local(ports["simulator"]),
            **self.settings_of_services,
        }
        file = self.folder / "overrides.env"
        file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        emulator = load_settings().ministack_python or ROOT / ".meridian/ministack/bin/python"
        return {
            **inherited_environment(),
            "PYTHONPATH": str(self.root),
            "MERIDIAN_HOME": str(self.paths.home),
            "MERIDIAN_ENV_FILE": str(file),
            "PORT_OFFSET": str(self.port_offset),
            "MINISTACK_PYTHON": str(emulator.absolute()),
            "MESSAGING_PROXY_URL": _local(ports[BROKER]),
        }


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[FaultProxy]:
    """Run the stack for the length of the block, and give the remote control of its proxies.

    Raises:
        StackFailed: it did not start.
    """
    with ExitStack() as beside:
        emulator = site.settings.url("ministack")
        unruliness = Unruliness(seed=site.seed, duplicates=site.duplicates)
        unruly = beside.enter_context(running_unruly(emulator, unruliness))
        upstreams = {name: f"127.0.0.1:{site.settings.port(name)}" for name in WIRES}
        upstreams[BROKER] = unruly.removeprefix("http://")
        proxy = beside.enter_context(
            running_fault_proxy(upstreams, site.folder / "proxy.log", seed=site.seed)
        )
        options = ("--split",) if site.split else ()
        environment = site.environment(proxy)
        process = await start_supervisor(site.root, environment, site.log, *options)
        try:
            await _until_up(site, process)
            yield proxy
        finally:
            await asyncio.shield(stop_supervisor(process, STOP_SECONDS))


async def _until_up(site: Site, process: asyncio.subprocess.Process) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "Meridian is up" not in (said := site.log.read_text(errors="replace")):
        if process.returncode is not None or time.monotonic() > deadline:
            raise StackFailed("\n".join(said.splitlines()[-_LAST_LINES:]))
        await asyncio.sleep(0.2)


def free_offset() -> int:
    """Find a range of ports nobody listens on.

    Raises:
        StackFailed: there is none.
    """
    for offset in random.sample(PORT_OFFSETS, len(PORT_OFFSETS)):
        if all(_is_free(port + offset) for port in range(min(LOCAL_PORTS.values()), 8180)):
            return offset
    raise StackFailed(f"no free range of ports between {PORT_OFFSETS[0]} and {PORT_OFFSETS[-1]}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"

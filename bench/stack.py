"""A local stack of its own: another folder, other ports, no rate limits; gone when the benchmark ends."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import asyncpg

from libs.topology import DATABASE_NAME, LOCAL_PORTS
from local.administrator import Administrator
from local.child import start_supervisor, stop_supervisor
from local.credentials import Credentials, load_credentials
from local.paths import Paths
from local.postgres import admin_url
from local.settings import ROOT, StackSettings, inherited_environment, load_settings

START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 25.0

OVERRIDES: Final = """
RATE_LIMIT_REQUESTS=100000000
LOGIN_ATTEMPTS_PER_ADDRESS=1000000
"""
"""All load comes from one address, which would soon be refused."""

_EMULATOR: Final = ROOT / ".meridian" / "ministack" / "bin" / "python"
_LOG_LINES: Final = 8


class StackFailed(Exception):
    """The stack did not start."""


@dataclass
class Life:
    """When the supervisor was started, by the monotonic clock, and how long its stop took once it is over."""

    began: float
    stop_seconds: float = 0.0


@dataclass(frozen=True)
class Site:
    """Where the benchmark's stack lives, running or not."""

    folder: Path
    port_offset: int
    ministack_python: Path | None = None
    root: Path = ROOT
    """The code that runs: this tree, or another version beside it."""

    @property
    def settings(self) -> StackSettings:
        """What the stack is started with; the developer's own `.env` and shell have no part in it."""
        return StackSettings.model_construct(
            meridian_home=self.paths.home, port_offset=self.port_offset
        )

    @property
    def paths(self) -> Paths:
        """Its folders."""
        return Paths(self.folder / "meridian")

    @property
    def credentials(self) -> Credentials:
        """Its passwords."""
        return load_credentials(self.paths)

    @property
    def administrator(self) -> Administrator:
        """Who stocks its shelves."""
        known = self.credentials
        return Administrator(self.settings.admin_email, known.admin_password, known.admin_totp)

    @property
    def log(self) -> Path:
        """What the supervisor printed."""
        return self.folder / "up.log"

    def url(self, part: str) -> str:
        """Return a part's address."""
        return self.settings.url(part)

    def port_of_our_own(self) -> int:
        """Return a port beside the stack's for the yardstick."""
        return LOCAL_PORTS["valkey"] + self.port_offset + 10

    def environment(self) -> dict[str, str]:
        """What the supervisor is told."""
        emulator = self.ministack_python
        return {
            **inherited_environment(),
            "PYTHONPATH": str(self.root),
            "MERIDIAN_HOME": str(self.paths.home),
            "MERIDIAN_ENV_FILE": str(self.folder / "overrides.env"),
            "PORT_OFFSET": str(self.port_offset),
            **({"MINISTACK_PYTHON": str(emulator.absolute())} if emulator else {}),
        }

    async def connect(self, database: str = DATABASE_NAME) -> asyncpg.Connection:
        """Connect to the stack's PostgreSQL as its administrator."""
        address = admin_url(self.settings, self.credentials.postgres)
        return await asyncpg.connect(address, database=database)


@contextmanager
def temporary_site(port_offset: int) -> Iterator[Site]:
    """Make the folder of a stack, and remove it at the end."""
    folder = Path(mkdtemp(prefix="meridian-bench-"))
    try:
        (folder / "overrides.env").write_text(OVERRIDES, encoding="utf-8")
        yield Site(folder, port_offset, load_settings().ministack_python or _EMULATOR)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running_stack(site: Site) -> AsyncIterator[Life]:
    """Run the stack for the length of the block."""
    life = Life(time.monotonic())
    process = await start_supervisor(site.root, site.environment(), site.log)
    try:
        yield life
    finally:
        told = time.monotonic()
        await _to_the_end(stop_supervisor(process, STOP_SECONDS))
        life.stop_seconds = time.monotonic() - told


async def until_up(site: Site) -> None:
    """Wait until the supervisor says that everything runs.

    Raises:
        StackFailed: it ended or took too long; the message quotes its last lines.
    """
    deadline = time.monotonic() + START_SECONDS
    while "Meridian is up" not in _read(site.log):
        if time.monotonic() > deadline or "Stopped;" in _read(site.log):
            raise StackFailed("\n".join(_read(site.log).splitlines()[-_LOG_LINES:]))
        await asyncio.sleep(0.2)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish the work even if Ctrl-C comes meanwhile, and pass that on afterwards."""
    task = asyncio.ensure_future(work)
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            interruption = error
    if interruption is not None:
        raise interruption

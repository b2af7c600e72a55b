"""The processes of the local stack, except PostgreSQL and the gateway, which have files of their own."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx

from libs.cache.access import acl_file
from libs.topology import SERVICES
from local.binaries import envoy_program, postgres_program, valkey_program
from local.environments import DRAIN_SECONDS, Environments
from local.paths import write_private
from local.process import Part
from local.refusal import Refusal
from local.settings import ROOT, inherited_environment

_VALKEY_MEMORY = "128mb"


def valkey_part(environments: Environments) -> Part:
    """Sessions, rate limits, cached answers: saved on a clean stop, lost with `kill -9`, both allowed."""
    settings, paths = environments.settings, environments.paths
    folder = paths.data / "valkey"
    folder.mkdir(exist_ok=True)
    config = paths.secrets / "valkey.conf"  # a file, because command lines are public
    lines = {
        "bind": "127.0.0.1",
        "port": settings.port("valkey"),
        "dir": f'"{folder}"',
        "save": "300 1",
        "appendonly": "no",
        "maxmemory": _VALKEY_MEMORY,
        "maxmemory-policy": "volatile-lru",
        "daemonize": "no",
    }
    passwords = {one: environments.credentials.password_of(one, "redis") for one in SERVICES}
    text = "".join(f"{name} {value}\n" for name, value in lines.items())
    write_private(config, text + acl_file(passwords))

    async def ready() -> bool:
        return await _answers_ping(settings.port("valkey"), "auth", passwords["auth"])

    return Part(
        name="valkey",
        command=(str(valkey_program()), str(config)),
        log=paths.log_of("valkey"),
        ready=ready,
        environment=inherited_environment(),
        port=settings.port("valkey"),
        stop_seconds=2,
    )


def check_programs(environments: Environments) -> None:
    """See that every program this stack will start is installed.

    Raises:
        Refusal: names the first that is missing.
    """
    settings = environments.settings
    envoy_program()
    if settings.own_postgres:
        postgres_program("postgres")
    if settings.own_valkey:
        valkey_program()
    if settings.own_ministack:
        ministack_python(environments)


def ministack_python(environments: Environments) -> Path:
    """Return the interpreter of MiniStack's own virtual environment.

    Raises:
        Refusal: it was not created yet.
    """
    given = environments.settings.ministack_python
    python = given or ROOT / ".meridian" / "ministack" / "bin" / "python"
    if not python.exists():
        raise Refusal(
            f"The SNS/SQS emulator is not installed ({python} is missing): run `make setup`."
        )
    return python


def ministack_part(environments: Environments) -> Part:
    """The SNS/SQS emulator; on SIGTERM it writes its queues to disk."""
    settings, paths = environments.settings, environments.paths
    return Part(
        name="ministack",
        command=(str(ministack_python(environments)), "-m", "ministack"),
        log=paths.log_of("ministack"),
        ready=answers(f"{settings.url('ministack')}/_ministack/health"),
        environment=environments.ministack(),
        port=settings.port("ministack"),
        stop_seconds=2,
    )


def simulator_part(environments: Environments) -> Part:
    """The payment provider's stand-in."""
    settings, paths = environments.settings, environments.paths
    (paths.data / "simulator").mkdir(exist_ok=True)
    return Part(
        name="simulator",
        command=(sys.executable, "-m", "simulator"),
        log=paths.log_of("simulator"),
        ready=answers(f"{settings.url('simulator')}/livez"),
        environment=environments.simulator(),
        port=settings.port("simulator"),
        folder=ROOT,
        stop_seconds=2,
    )


def service_parts(environments: Environments, *, split: bool) -> Iterator[Part]:
    """One process per service, or with `split` one for the API and one for the worker."""
    settings = environments.settings
    for service in SERVICES:
        port = settings.port(service)
        yield _service(environments, service, service, "api" if split else "all", port)
        if split:
            worker_port = settings.worker_port(service)
            yield _service(environments, service, f"{service}-worker", "worker", worker_port)


def _service(environments: Environments, service: str, name: str, role: str, port: int) -> Part:
    return Part(
        name=name,
        command=(sys.executable, "-m", f"services.{service}.main", role),
        log=environments.paths.log_of(name),
        ready=answers(f"http://127.0.0.1:{port}/readyz"),
        environment=environments.service(service, role=role, port=port),
        port=port,
        folder=ROOT,
        stop_seconds=DRAIN_SECONDS + 1,
    )


def answers(url: str) -> Callable[[], Awaitable[bool]]:
    """Make a check that is true once the address answers 200."""

    async def check() -> bool:
        try:
            async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
                return (await http.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return check


async def _answers_ping(port: int, user: str, password: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(f"AUTH {user} {password}\r\nPING\r\n".encode())
        replies = [await asyncio.wait_for(reader.readline(), 2) for _ in range(2)]
    except (OSError, TimeoutError):
        return False
    else:
        return replies == [b"+OK\r\n", b"+PONG\r\n"]
    finally:
        writer.close()

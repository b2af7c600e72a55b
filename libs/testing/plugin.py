"""The fixtures of every test: real servers per worker process, databases emptied after each test that used them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Final, Protocol

import httpx
import pytest
import redis
import structlog
from fastapi import FastAPI

from libs.database.session import Database
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.topology import declare
from libs.privacy.columns import attach
from libs.privacy.keys import DataKeys
from libs.security.master_key import KeyFile, add_version
from libs.security.service_tokens import ServiceSigner, generate_service_keys
from libs.settings import ServiceSettings
from libs.testing.apps import client_of
from libs.testing.background import BackgroundLoop
from libs.testing.database_server import DatabaseServer
from libs.testing.databases import Databases, service_of_test
from libs.testing.processes import ServiceProcess, start_process
from libs.testing.servers import free_port, running_ministack, running_postgres
from libs.testing.settings import (
    NOBODY_LISTENS,
    PATIENCE,
    TestEnvironment,
    build_settings,
    environment_of,
)
from libs.testing.tokens import Issuer, TokenFactory, running_issuer
from libs.testing.valkey import running_valkey
from libs.topology import MASTER_REGION, SERVICES

StartApp = Callable[[FastAPI], Awaitable[httpx.AsyncClient]]
"""What `client_for` is: starts an application and gives a client of it."""

_prefixes: Final = count(1)


class SettingsFor(Protocol):
    """Builds complete settings of a service; keyword arguments replace single values."""

    def __call__(self, service: str, **overrides: object) -> ServiceSettings: ...


class RunService(Protocol):
    """Starts a service as a process of its own; it is killed after the test."""

    def __call__(self, service: str, role: str = "all", **overrides: object) -> ServiceProcess: ...


@pytest.fixture(autouse=True)
def logs_of_a_test() -> Iterator[None]:
    """Fails a test that leaves this process' logs configured: those after it would no longer find theirs in `caplog`."""
    yield
    if structlog.get_config()["cache_logger_on_first_use"]:
        pytest.fail("configure_logging() is for processes: start one, or put things back")


@pytest.fixture(scope="session")
def background() -> Iterator[BackgroundLoop]:
    """An event loop in a thread, for fixtures."""
    loop = BackgroundLoop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this pytest-xdist worker."""
    return str(getattr(request.config, "workerinput", {"workerid": "main"})["workerid"])


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL administrator: TEST_DATABASE_URL, else a throw-away server."""
    given = TestEnvironment().test_database_url
    if given is not None:
        yield given.get_secret_value()
        return
    with running_postgres() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def database_server(
    postgres: str, background: BackgroundLoop, worker: str
) -> Iterator[DatabaseServer]:
    """The server with roles, a migrated template and its clone."""
    server = DatabaseServer(postgres, f"meridian_test_{worker}", background)
    server.prepare()
    yield server
    server.close()


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Addresses of databases; the server starts with the first that is asked for."""
    used = Databases(lambda: request.getfixturevalue("database_server"))
    yield used
    used.clean()


@pytest.fixture
def database_urls(databases: Databases) -> Databases:
    """Application addresses by service: `database_urls["order"]`."""
    return databases


@pytest.fixture
async def database(
    request: pytest.FixtureRequest, databases: Databases, service_keys: Path
) -> AsyncIterator[Database]:
    """The database of the service whose folder the test lies in, with the rights its application has."""
    service = service_of_test(request.path.parts)
    if service is None:
        pytest.fail("`database` works in tests/<service>/; elsewhere use `scratch_database`")
    opened = Database(databases.url(service), application_name=f"test-{service}", patience=PATIENCE)
    attach(opened, DataKeys(opened, KeyFile(service_keys / f"{service}.master.json"), service))
    yield opened
    await opened.close()


@pytest.fixture
def scratch_database_url(databases: Databases) -> str:
    """The address of an empty database of this test's own, with all rights."""
    return databases.scratch()


@pytest.fixture
async def scratch_database(scratch_database_url: str) -> AsyncIterator[Database]:
    """An empty database of this test's own, for libraries that bring their own tables."""
    opened = Database(scratch_database_url, application_name="test-scratch", patience=PATIENCE)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The address of a throw-away Valkey."""
    with running_valkey() as url:
        yield url


@pytest.fixture
def redis_url(valkey: str) -> str:
    """The address of a Valkey that is empty at the start of the test."""
    with redis.Redis.from_url(valkey) as client:
        client.flushall()
    return valkey


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """The address of the AWS emulator. State stays for the session: keep tests apart by `messaging_prefix`."""
    python = TestEnvironment().ministack_python
    if not python.exists():
        pytest.fail(f"the AWS emulator's interpreter is not at {python}: run `make setup`")
    with running_ministack(python) as url:
        yield url


@pytest.fixture
def aws_endpoint_url(ministack: str) -> str:
    """The same, under the name the settings use."""
    return ministack


@pytest.fixture
def messaging_prefix(worker: str) -> str:
    """A prefix of queue and topic names that no other test uses."""
    return f"t{worker}{next(_prefixes)}"


@pytest.fixture
async def topology(aws_endpoint_url: str, messaging_prefix: str) -> AsyncIterator[AwsBroker]:
    """Every topic, queue and subscription of the routing table under this test's prefix, and a broker to look at them."""
    async with open_broker(
        region=MASTER_REGION, endpoint_url=aws_endpoint_url, prefix=messaging_prefix
    ) as broker:
        await declare(broker)
        yield broker


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """Stands in for auth: a signing key and its JWKS over HTTP."""
    with running_issuer() as running:
        yield running


@pytest.fixture
def token_factory(issuer: Issuer, redis_url: str, background: BackgroundLoop) -> TokenFactory:
    """Makes access tokens: `token_factory(subject=..., scopes=...)`, `token_factory.admin()`."""
    return TokenFactory(issuer, background, redis_url)


@pytest.fixture(scope="session")
def service_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signing and a master key per service, and the trust bundle."""
    directory = tmp_path_factory.mktemp("keys")
    generate_service_keys(directory)
    for service in SERVICES:
        add_version(directory / f"{service}.master.json")
    return directory


@pytest.fixture
def service_token(service_keys: Path) -> Callable[[str, str], str]:
    """Makes service tokens: `service_token("order", "product")` is order calling product."""

    def make(caller: str, callee: str) -> str:
        return ServiceSigner(caller, service_keys / f"{caller}.key.json").token_for(callee)

    return make


@pytest.fixture
def settings_for(
    request: pytest.FixtureRequest,
    databases: Databases,
    redis_url: str,
    issuer: Issuer,
    service_keys: Path,
    messaging_prefix: str,
) -> SettingsFor:
    """Builds settings that lead to the real servers; to the AWS emulator only if the test asks for `ministack`."""

    def build(service: str, **overrides: object) -> ServiceSettings:
        wants_aws = {"ministack", "aws_endpoint_url"} & set(request.fixturenames)
        return build_settings(
            service,
            database_url=databases.url(service),
            redis_url=redis_url,
            aws_endpoint_url=request.getfixturevalue("ministack") if wants_aws else NOBODY_LISTENS,
            messaging_prefix=messaging_prefix,
            jwks_url=issuer.jwks_url,
            keys=service_keys,
            overrides=overrides,
        )

    return build


@pytest.fixture
async def client_for(
    databases: Databases,  # noqa: ARG001 - emptied only after the application has stopped
) -> AsyncIterator[StartApp]:
    """Starts applications in this process: `client = await start(app)`."""
    async with AsyncExitStack() as stack:

        async def start(app: FastAPI) -> httpx.AsyncClient:
            return await stack.enter_async_context(client_of(app))

        yield start


@pytest.fixture
def run_service(settings_for: SettingsFor, tmp_path: Path) -> Iterator[RunService]:
    """Starts services as processes: `run_service("order", role="worker")`."""
    started: list[ServiceProcess] = []

    def run(service: str, role: str = "all", **overrides: object) -> ServiceProcess:
        settings = settings_for(service, **{"port": free_port(), **overrides})
        process = start_process(
            ["-m", f"services.{service}.main", role],
            environment_of(settings),
            f"http://127.0.0.1:{settings.port}",
            tmp_path / f"{service}-{len(started)}.log",
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()

"""PostgreSQL over TLS: it is believed by the certificates that DATABASE_CA_FILE names, and without a proof nothing is sent."""

import ast
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest

from libs.database.bootstrap import bootstrap
from libs.database.migrations import upgrade
from libs.database.session import Database, Patience, is_unavailable
from libs.testing.databases import Databases
from libs.testing.fault_proxy.edge import Edge
from libs.testing.servers import free_port
from tests.architecture.applications import ROOT
from tests.authority import Authority, before_postgres

PATIENT = Patience(connection=30, statement=30)
CONNECTING = {"Database", "asyncpg.connect", "create_async_engine"}

Connect = Callable[[str, Path], Awaitable[None]]


async def as_a_service(url: str, ca_file: Path) -> None:
    database = Database(url, application_name="tls", patience=PATIENT, ca_file=ca_file)
    try:
        await database.ping()
    finally:
        await database.close()


async def as_the_bootstrap(url: str, ca_file: Path) -> None:
    await bootstrap(url, {}, database=urlsplit(url).path[1:], ca_file=ca_file)


async def as_a_migration(url: str, ca_file: Path) -> None:
    await upgrade("order", url, ca_file=ca_file)


@pytest.fixture
def address(databases: Databases) -> str:
    """An address that may do what all three do."""
    return databases.url("order", "superuser")


def socket_of(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"


def at(port: int, url: str, *, host: str = "127.0.0.1", query: str = "") -> str:
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{user}@{host}:{port}", query=query))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def port(address: str, authority: Authority) -> AsyncIterator[int]:
    port = free_port()
    async with before_postgres(port, socket_of(address), authority.server_context()) as spoken:
        yield port
    assert set(spoken) <= {"TLSv1.2", "TLSv1.3"}


every_way = pytest.mark.parametrize(
    "connect",
    [as_a_service, as_the_bootstrap, as_a_migration],
    ids=lambda connect: connect.__name__,
)


@every_way
async def test_a_server_of_the_authority_is_believed(
    connect: Connect, address: str, authority: Authority
) -> None:
    port = free_port()
    async with before_postgres(port, socket_of(address), authority.server_context()) as spoken:
        await connect(at(port, address), authority.ca_file)
    assert spoken
    assert set(spoken) <= {"TLSv1.2", "TLSv1.3"}


@every_way
async def test_a_server_of_another_authority_is_not(
    connect: Connect, port: int, address: str, tmp_path: Path
) -> None:
    (tmp_path / "another").mkdir()
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        await connect(at(port, address), Authority(tmp_path / "another").ca_file)


@every_way
async def test_a_certificate_of_another_host_is_not(
    connect: Connect, port: int, address: str, authority: Authority
) -> None:
    with pytest.raises(OSError, match="Hostname mismatch"):
        await connect(at(port, address, host="localhost"), authority.ca_file)


@every_way
@pytest.mark.parametrize("query", ["", "ssl=disable"])
async def test_a_server_without_tls_is_told_nothing_whatever_the_address_says(
    connect: Connect, query: str, address: str, authority: Authority
) -> None:
    async with Edge("postgres", str(socket_of(address))) as edge:
        with pytest.raises(OSError, match="rejected SSL upgrade"):
            await connect(at(edge.port, address, query=query), authority.ca_file)


async def test_a_server_that_cannot_be_believed_is_one_that_is_away(
    port: int, address: str, authority: Authority
) -> None:
    """So requests are answered 503 and the process is not ready, until the authorities are right."""
    with pytest.raises(OSError, match="Hostname") as refused:
        await as_a_service(at(port, address, host="localhost"), authority.ca_file)
    assert is_unavailable(refused.value)


def connections_in(file: Path) -> list[tuple[str, ast.Call]]:
    text = file.read_text()
    if not any(f"{name}(" in text for name in CONNECTING):
        return []
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return [(name, call) for call in calls if (name := ast.unparse(call.func)) in CONNECTING]


def test_whatever_connects_is_told_whom_to_believe() -> None:
    files = [*ROOT.glob("libs/**/*.py"), *ROOT.glob("services/**/*.py")]
    shipped = [file for file in files if not file.is_relative_to(ROOT / "libs" / "testing")]
    found = {file: connections_in(file) for file in shipped}
    assert sum(map(len, found.values())) > 10, "the names of what connects have changed"
    silent = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file, calls in found.items()
        for name, call in calls
        if not told(name, call)
    ]
    assert not silent


def told(name: str, call: ast.Call) -> bool:
    if name == "Database":
        return "ca_file" in {keyword.arg for keyword in call.keywords}
    return "tls" in ast.unparse(call) or "*args" in ast.unparse(call)

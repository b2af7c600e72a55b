"""What a client binds to a statement is in no log of PostgreSQL, wherever it runs."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from libs.testing.servers import running_postgres
from local.postgres import NO_VALUES_LOGGED
from tests.architecture.applications import ROOT
from tests.deploy.compose import BASE

PARAMETERS = ROOT / "deploy" / "terraform" / "modules" / "database" / "parameters.tf"
EVERYTHING_LOGGED = {"log_min_duration_statement": "0", "log_min_error_statement": "error"}
EVERY_VALUE_LOGGED = dict.fromkeys(NO_VALUES_LOGGED, "-1")
SECRET = "hunter2@example.com"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres() as dsn:
        yield dsn


async def logged(dsn: str, settings: dict[str, str]) -> str:
    """Return what the server writes about a statement that succeeds and one that fails."""
    log = Path(parse_qs(urlsplit(dsn).query)["host"][0]) / "log"
    before = log.stat().st_size
    connection = await asyncpg.connect(dsn, server_settings=EVERYTHING_LOGGED | settings)
    assert await connection.fetchval("SELECT length($1::text)", SECRET) == len(SECRET)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.fetchval("SELECT length($1::text) / 0", SECRET)
    await connection.close()
    return log.read_text()[before:]


async def test_statements_are_logged_without_the_values_bound_to_them(server: str) -> None:
    said = await logged(server, NO_VALUES_LOGGED)
    assert said.count("SELECT length($1::text)") >= 2
    assert SECRET not in said


async def test_with_other_settings_they_would_be(server: str) -> None:
    said = await logged(server, EVERY_VALUE_LOGGED)
    assert said.count(SECRET) >= 2


def test_so_it_is_wherever_postgresql_runs() -> None:
    """On a developer's machine (that is where the two are written down), in containers, at Amazon."""
    in_containers = {f"--{name}={value}" for name, value in NO_VALUES_LOGGED.items()}
    assert in_containers <= set(BASE["postgres"]["command"])
    at_amazon = dict(re.findall(r'"(\w+)" += \{ value = "(\w+)"', PARAMETERS.read_text()))
    assert NO_VALUES_LOGGED.items() <= at_amazon.items()

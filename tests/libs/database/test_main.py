import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.database.__main__ import main
from libs.database.bootstrap import dsn_of_database, roles_of
from libs.database.migrations import has_migrations
from libs.testing.background import BackgroundLoop
from libs.testing.database_server import with_user
from libs.testing.servers import running_postgres
from libs.topology import SERVICES


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres() as dsn:
        yield dsn


@pytest.fixture
def environment(server: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("ADMIN_DATABASE_URL", server)
    for service in SERVICES:
        url = with_user(dsn_of_database(server, "meridian"), roles_of(service)[1], "m")
        monkeypatch.setenv(f"MIGRATOR_DATABASE_URL_{service.upper()}", url)
        monkeypatch.setenv(f"MIGRATOR_PASSWORD_{service.upper()}", "m")
        monkeypatch.setenv(f"APP_PASSWORD_{service.upper()}", "a")
    return monkeypatch


def test_bootstrap_and_upgrade_bring_an_empty_server_up_and_may_be_repeated(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["bootstrap"]) == 0
    assert main(["upgrade", "all"]) == 0
    capsys.readouterr()
    assert main(["upgrade"]) == 0
    told = re.findall(r"(\w+): at the newest migration", capsys.readouterr().out)
    assert told == [service for service in SERVICES if has_migrations(service)]


def test_a_missing_setting_is_named(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("APP_PASSWORD_CART")
    assert main(["bootstrap"]) == 2
    assert "APP_PASSWORD_CART is not set" in capsys.readouterr().err


def test_a_server_that_is_away_is_one_line_and_no_traceback(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("MIGRATOR_DATABASE_URL_ORDER", "postgresql://x@127.0.0.1:9/x")
    assert main(["upgrade", "order"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_unknown_service_is_refused(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        main(["upgrade", "shipping"])


def test_the_migration_command_writes_next_to_the_others(
    environment: pytest.MonkeyPatch,
    background: BackgroundLoop,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written: list[tuple[str, str]] = []

    async def record(service: str, message: str, url: str, *, ca_file: Path | None) -> str:
        written.append((service, message))
        return "0002_add_note.py"

    environment.setattr("libs.database.__main__.make_migration", record)
    assert main(["migration", "--service", "order", "--message", "add note"]) == 0
    assert written == [("order", "add note")]
    assert capsys.readouterr().out == "0002_add_note.py\n"

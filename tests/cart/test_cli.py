import asyncio
import io

import pytest

from libs.testing.databases import Databases
from services.cart import cli
from tests.cart.conftest import Running, product_changed


async def run(*arguments: str) -> int:
    """The command has an event loop of its own."""
    return await asyncio.to_thread(cli.main, arguments)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, database_urls: Databases) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("DATABASE_URL", database_urls["cart"])


@pytest.mark.usefixtures("environment")
async def test_a_projection_is_rebuilt_by_three_commands(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await running.tell(product_changed(1000), 5)
    await running.tell(product_changed(1000, sku="GONE"), 5)
    assert await run("checksum") == 0
    before = capsys.readouterr().out
    assert before.endswith("  2 variants, 0 stock levels\n")
    assert await run("rebuild-begin") == 0
    since = capsys.readouterr().out.strip()
    await running.tell(product_changed(1000), 5)
    monkeypatch.setattr("sys.stdin", io.StringIO("variant MUG\n"))
    assert await run("rebuild-finish", "--since", since) == 0
    told = capsys.readouterr()
    assert told.out == "1 rows of nothing that exists removed\n"
    assert told.err == "1 of 1 rows told anew\n"
    assert await run("checksum") == 0
    assert capsys.readouterr().out.endswith("  1 variants, 0 stock levels\n")


@pytest.mark.usefixtures("environment")
async def test_lines_of_something_else_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("nonsense\n"))
    given = ("rebuild-finish", "--since", "2026-01-01T00:00:00+00:00")
    assert await run(*given) == cli.EXIT_INVALID
    assert "not what `announce` prints" in capsys.readouterr().err


def test_a_missing_address_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.main(["checksum"])
    assert ended.value.code == cli.EXIT_INVALID
    assert capsys.readouterr().err == "DATABASE_URL: Field required\n"

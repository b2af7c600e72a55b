import asyncio

import pytest

from libs.testing.databases import Databases
from services.order import cli
from tests.order.running import Running


async def run(*arguments: str) -> int:
    """The command has an event loop of its own."""
    return await asyncio.to_thread(cli.main, arguments)


async def test_the_audit_says_what_does_not_add_up(
    running: Running,
    database_urls: Databases,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_urls["order"])
    order_id = await running.placed()
    assert await run("audit") == 0
    assert capsys.readouterr().out == "1 orders, 0 discrepancies\n"
    await running.sql("UPDATE orders SET shipping_flat_minor = 1")
    assert await run("audit") == cli.EXIT_FOUND
    shown = capsys.readouterr().out
    assert shown == f"{order_id}: shipping is 599, computed 1\n1 orders, 1 discrepancies\n"

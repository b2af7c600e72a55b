import asyncio

import pytest

from libs.testing.plugin import SettingsFor
from libs.testing.settings import environment_of
from services.order import cli
from tests.order.running import Running


async def run(*arguments: str) -> int:
    """The command has an event loop of its own."""
    return await asyncio.to_thread(cli.main, arguments)


async def test_the_audit_says_what_does_not_add_up(
    running: Running,
    settings_for: SettingsFor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment_of(settings_for("order")).items():
        monkeypatch.setenv(name, value)
    order_id = await running.placed()
    assert await run("audit") == 0
    assert capsys.readouterr().out == "1 orders, 0 discrepancies\n"
    await running.sql("UPDATE orders SET shipping_flat_minor = 1")
    assert await run("audit") == cli.EXIT_FOUND
    shown = capsys.readouterr().out
    assert shown == f"{order_id}: shipping is 599, computed 1\n1 orders, 1 discrepancies\n"

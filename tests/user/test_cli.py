import asyncio

import pytest
from pydantic import SecretStr

from libs.testing.databases import Databases
from services.user.cli import OperatorSettings, main
from tests.user.conftest import USER, Headers, Running
from tests.user.test_erasure import asked, drive, sql


async def test_what_is_unfinished_is_listed_with_why_and_can_be_pushed(
    running: Running,
    headers: Headers,
    databases: Databases,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = OperatorSettings(database_url=SecretStr(databases.url("user")))
    running.auth.open_orders[USER] = 1
    body = await asked(running, headers)
    await drive(running)
    assert await asyncio.to_thread(main, ["erasures"], settings) == 1
    assert "1 order is not finished" in capsys.readouterr().out
    push = ["erasures", "--push", body["erasure_id"]]
    assert await asyncio.to_thread(main, push, settings) == 1
    assert "1 pushed" in capsys.readouterr().out
    assert await sql(running, "SELECT count(*) FROM erasures WHERE next_check_at <= now()") == [1]

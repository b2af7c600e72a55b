import asyncio
import io

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
    settings = OperatorSettings(environment="test", database_url=SecretStr(databases.url("user")))
    running.auth.open_orders[USER] = 1
    body = await asked(running, headers)
    await drive(running)
    assert await asyncio.to_thread(main, ["erasures"], settings) == 1
    assert "1 order is not finished" in capsys.readouterr().out
    push = ["erasures", "--push", body["erasure_id"]]
    assert await asyncio.to_thread(main, push, settings) == 1
    assert "1 pushed" in capsys.readouterr().out
    assert await sql(running, "SELECT count(*) FROM erasures WHERE next_check_at <= now()") == [1]


async def test_who_a_restored_backup_brought_back_is_erased_again(
    running: Running,
    headers: Headers,
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = OperatorSettings(environment="test", database_url=SecretStr(databases.url("user")))
    await running.http.get("/v1/me", headers=headers())
    for expected in ("1 of 1", "0 of 1"):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{USER}\n\n"))
        assert await asyncio.to_thread(main, ["erasures", "--again"], settings) == 1
        assert f"{expected} will be erased again" in capsys.readouterr().out
    await drive(running)
    assert running.auth.closed == [USER]
    assert await sql(running, "SELECT count(*) FROM profiles") == [0]

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from libs.testing.databases import Databases
from services.product import cli
from tests.product.service.test_importing import FILE
from tests.product.shop import Shop


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, database_urls: Databases, redis_url: str) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("DATABASE_URL", database_urls["product"])
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("REGION", "us-east-1")


async def run(*arguments: str) -> int:
    """The command has an event loop of its own."""
    return await asyncio.to_thread(cli.main, arguments)


@pytest.mark.usefixtures("environment")
async def test_import_fills_and_count_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "catalogue.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in FILE))
    assert await run("import", "--file", str(file)) == 0
    shown = capsys.readouterr()
    assert shown.out == "categories 2\nproducts 3\nchanged 3\n"
    assert "100%  3 products" in shown.err
    assert await run("count") == 0
    assert capsys.readouterr().out == "categories 2\nproducts 3\nvariants 3\navailable 75\n"


@pytest.mark.usefixtures("environment")
async def test_a_wrong_or_missing_file_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "catalogue.jsonl"
    assert await run("import", "--file", str(file)) == cli.EXIT_INVALID
    file.write_text("nonsense")
    assert await run("import", "--file", str(file)) == cli.EXIT_INVALID
    assert f"{file}: line 1:" in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
async def test_missing_pieces_are_named_and_the_command_fails(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.product("mug", stock={"A": 5, "B": 5})
    await shop.spread("B", 2)
    await shop.hold({"A": 1, "B": 1})
    assert await run("check-stock") == 0
    assert capsys.readouterr().out == "imbalances 0\n"
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE reservation_lines SET quantity = 2 WHERE sku = 'A'"))
    assert await run("check-stock") == cli.EXIT_BROKEN
    assert capsys.readouterr().out == (
        "sku=A bucket=0 what=held counted=1 expected=2\nimbalances 1\n"
    )


def test_a_missing_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATABASE_URL", "REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.main(["count"])
    assert ended.value.code == cli.EXIT_INVALID
    assert capsys.readouterr().err == "REGION: Field required\nDATABASE_URL: Field required\n"


def test_a_terminal_sees_one_growing_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    bar = cli.ProgressBar(4)
    bar.show(2)
    bar.finish()
    assert "\r[###############" in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
async def test_announce_publishes_every_product_and_stock_level_under_the_version_it_has(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.product("mug", stock={"MUG-A": 5, "MUG-B": 0})
    await shop.product("cup", stock={"CUP": 7})
    await shop.spread("CUP", 2)
    await shop.hold({"MUG-A": 2})
    await shop.announce()
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE outbox_messages SET published_at = now()"))
    assert await run("announce") == 0
    told = capsys.readouterr()
    assert sorted(told.out.splitlines()) == sorted(
        [f"{kind} {sku}" for kind in ("variant", "stock") for sku in ("MUG-A", "MUG-B", "CUP")]
    )
    assert told.err.endswith("5 messages\n")
    async with shop.database.transaction() as session:
        rows = await session.execute(
            text("""SELECT new.aggregate_id, new.aggregate_version,
                    new.aggregate_version >= max(old.aggregate_version) AS is_newest
                FROM outbox_messages new JOIN outbox_messages old USING (aggregate_id)
                WHERE new.published_at IS NULL AND old.published_at IS NOT NULL
                GROUP BY new.id, new.aggregate_id, new.aggregate_version""")
        )
        found = rows.all()
    assert len(found) == 5
    assert all(row.is_newest for row in found)

import asyncio
import json
from pathlib import Path

import pytest

from libs.testing.databases import Databases
from services.product import cli
from tests.product.service.test_importing import FILE


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, database_urls: Databases, redis_url: str) -> None:
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


async def test_a_missing_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATABASE_URL", "REGION"):
        monkeypatch.delenv(name, raising=False)
    assert await run("count") == cli.EXIT_INVALID
    assert capsys.readouterr().err == "set REGION, DATABASE_URL\n"


def test_a_terminal_sees_one_growing_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    bar = cli.ProgressBar(4)
    bar.show(2)
    bar.finish()
    assert "\r[###############" in capsys.readouterr().err

from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from libs.database.session import Database
from libs.ids import uuid7
from libs.messaging import __main__ as cli
from libs.messaging import catalogue, inbox
from libs.messaging.broker import AwsBroker
from libs.messaging.routing import Routing
from tests.libs.messaging.traffic import REGION, envelope, placed

Add = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, aws_endpoint_url: str, messaging_prefix: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint_url)
    monkeypatch.setenv("MESSAGING_PREFIX", messaging_prefix)


def test_declare_then_list_then_redrive(
    environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["declare"]) == 0
    assert "6 topics, 8 queues" in capsys.readouterr().out
    assert cli.main(["dlq", "list"]) == 0
    assert "0  order-inbox" in capsys.readouterr().out
    assert cli.main(["dlq", "redrive", "order-inbox"]) == 0
    assert "0 messages back in order-inbox" in capsys.readouterr().out


async def test_what_was_given_up_is_listed_and_revived_at_the_pace_asked_for(
    add: Add,
    database: Database,
    scratch_database_url: str,
    topology: AwsBroker,
    environment: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL_CART", scratch_database_url)
    settings = cli._read_environment()
    async with database.transaction() as session:
        for n in range(3):
            early = envelope(id=str(uuid7()), subject=f"ord_{n}")
            await inbox.park(session, "cart-inbox", early, f"ord_{n}", 1)
            await inbox.give_up(session, "cart-inbox", early)
    told = await cli._list_dead_letters(settings)
    assert "       3  cart-inbox" in told
    assert "make dead-letters revive=cart-inbox" in told[told.index("       3  cart-inbox") + 2]
    assert "DATABASE_URL_ORDER is not set: order-inbox is not looked at" in told

    options = Namespace(limit=2, per_second=0.1)
    cart = Routing.load().event_queues["cart"]
    assert await cli._revive(settings, cart, options) == [
        "2 messages of cart-inbox will run again, 0.1 per second"
    ]
    async with database.transaction() as session:
        waits = await session.scalars(
            text(
                "SELECT extract(epoch FROM retry_at - now()) FROM inbox_messages ORDER BY retry_at"
            )
        )
        assert [round(min(float(wait), 999)) for wait in waits] == [0, 10, 999]


def test_what_cannot_be_done_is_one_sentence(
    environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["dlq", "list"]) == cli.EXIT_FAILED
    assert "NonExistentQueue" in capsys.readouterr().err
    assert cli.main(["dlq", "redrive", "nowhere"]) == cli.EXIT_FAILED
    assert "no queue 'nowhere'" in capsys.readouterr().err


async def test_republish_marks_the_rows_of_the_service_named(
    add: Add,
    database: Database,
    scratch_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await add(placed())
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("DATABASE_URL_ORDER", scratch_database_url)
    settings = cli._read_environment()
    since = cli._moment("2020-01-01")
    assert await cli._republish(settings, "order", since) == ["order: 0 messages to send again"]
    with pytest.raises(cli.CommandError, match="DATABASE_URL_AUTH is not set"):
        await cli._republish(settings, "all", since)
    assert capsys.readouterr().err == ""


def test_a_moment_that_cannot_be_read_is_refused_with_one_that_can(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["republish", "--since", "yesterday"])
    assert "write it as 2026-01-31T12:00:00Z" in capsys.readouterr().err


def test_republish_tells_when_the_database_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("DATABASE_URL_ORDER", "postgresql://nobody@/none?host=/nonexistent")
    arguments = ["republish", "--service", "order", "--since", "2020-01-01T00:00:00Z"]
    assert cli.main(arguments) == cli.EXIT_FAILED
    assert "the database does not answer" in capsys.readouterr().err


def test_events_are_written_checked_and_guarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for function in (catalogue.write_files, catalogue.stale_files):
        monkeypatch.setattr(
            cli, function.__name__, lambda routing, f=function: f(routing, tmp_path)
        )
    monkeypatch.setattr(cli, "breaking_changes_in", lambda: catalogue.breaking_changes_in(tmp_path))
    assert cli.main(["events", "--check"]) == cli.EXIT_FAILED
    assert "make events" in capsys.readouterr().err
    assert cli.main(["events"]) == 0
    assert cli.main(["events", "--check"]) == 0
    path = tmp_path / "schemas/stock.released.v1.json"
    path.write_text(path.read_text().replace('"order_id"', '"order"'))
    assert cli.main(["events"]) == cli.EXIT_FAILED
    assert "stock.released.v1: order is gone" in capsys.readouterr().err
    assert cli.main(["events", "--allow-breaking"]) == 0
    assert catalogue.stale_files(Routing.load(), tmp_path) == []

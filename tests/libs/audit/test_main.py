import asyncpg
import pytest

from libs.audit.__main__ import EXIT_FAILED, EXIT_TAMPERED, main
from libs.audit.verification import verify
from libs.database.session import Database
from libs.testing.background import BackgroundLoop
from libs.testing.databases import Databases
from libs.topology import SERVICES
from tests.libs.audit.conftest import record_and_seal


@pytest.fixture
def configured(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    for service in SERVICES:
        monkeypatch.setenv(f"DATABASE_URL_{service.upper()}", databases.url(service))


def in_loop(background: BackgroundLoop, databases: Databases, *subjects: str) -> str:
    """Record and seal in another event loop, for the command brings its own; return the head."""

    async def work() -> str:
        database = Database(databases.url("cart"), application_name="test-audit")
        await record_and_seal(database, *subjects)
        head = (await verify(database)).head.told()
        await database.close()
        return head

    return background.run(work())


def test_every_log_is_verified(
    configured: None,
    background: BackgroundLoop,
    databases: Databases,
    capsys: pytest.CaptureFixture[str],
) -> None:
    head = in_loop(background, databases, "prd_1", "prd_2")
    assert main(["verify", "--anchor", f"cart={head}"]) == 0
    told = capsys.readouterr().out
    assert f"cart: as it was written; head {head}; 0 wait for their seal" in told
    assert [line.partition(":")[0] for line in told.splitlines()] == list(SERVICES)


def test_a_log_that_was_changed_ends_the_command_with_a_failure(
    configured: None,
    background: BackgroundLoop,
    databases: Databases,
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_loop(background, databases, "prd_1")

    async def tamper() -> None:
        connection = await asyncpg.connect(
            databases.url("cart", "superuser"),
            server_settings={"session_replication_role": "replica"},
        )
        await connection.execute("UPDATE shop_cart.audit_entries SET actor = 'usr_2'")
        await connection.close()

    background.run(tamper())
    assert main(["verify", "--service", "cart"]) == EXIT_TAMPERED
    assert "cart: 1 problems" in capsys.readouterr().out


def test_the_command_names_the_address_it_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL_CART", raising=False)
    assert main(["verify", "--service", "cart"]) == EXIT_FAILED
    assert "set DATABASE_URL_CART" in capsys.readouterr().err


def test_a_database_that_is_away_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("DATABASE_URL_CART", "postgresql://nobody@127.0.0.1:9/none")
    assert main(["verify", "--service", "cart"]) == EXIT_FAILED
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("anchor", ["cart", "cart=1", "shop=1:00", "cart=1:xx"])
def test_an_anchor_that_cannot_be_read_is_refused(
    anchor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "--anchor", anchor])
    assert "order=NUMBER:DIGEST" in capsys.readouterr().err

"""The operator's command: compares a day now, and its exit status says whether it could."""

import asyncio

import pytest

from libs.clock import utc_now
from libs.testing.plugin import SettingsFor
from services.payment.cli import main
from services.payment.settings import PaymentSettings
from tests.payment.conftest import Shop
from tests.payment.service.test_ledger_check import forge
from tests.simulator.processes import API_KEY, SimulatorProcess

TODAY = utc_now().date()
"""Of the whole run of tests, wherever midnight falls."""


async def reconcile(settings: object) -> int:
    assert isinstance(settings, PaymentSettings)
    return await asyncio.to_thread(main, ["reconcile", "--day", TODAY.isoformat()], settings)


async def test_a_day_is_compared_and_told_in_one_line(
    shop: Shop,
    settings_for: SettingsFor,
    simulator: SimulatorProcess,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order_id = await shop.captured("tok_ok")
    settings = settings_for("payment", provider_base_url=simulator.url, provider_api_key=API_KEY)
    assert await reconcile(settings) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{TODAY}: compared ")
    ours = await shop.admin.fetchval(
        "SELECT count(*) FROM reconciliation_cases WHERE order_id = $1", order_id
    )
    assert ours == 0


async def test_a_book_that_is_not_shown_is_a_failure(
    shop: Shop, settings_for: SettingsFor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await reconcile(settings_for("payment")) == 1
    assert "failed: /v1/charges: ConnectError" in capsys.readouterr().out


async def test_a_day_another_process_is_at_is_left_to_it(
    shop: Shop, settings_for: SettingsFor, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.admin.execute(
        "INSERT INTO reconciliation_runs (id, provider, day, lease_until)"
        " VALUES ('rcr_1', 'simulator', $1, now() + interval '1 hour')",
        TODAY,
    )
    assert await reconcile(settings_for("payment")) == 1
    assert "is being compared by another process" in capsys.readouterr().err


async def test_the_whole_ledger_is_added_up_on_request(
    shop: Shop, settings_for: SettingsFor, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for("payment")
    assert isinstance(settings, PaymentSettings)
    await shop.captured()
    await forge(shop, ("debit", 7, "USD"))
    await shop.admin.execute("SET session_replication_role = replica")
    await shop.admin.execute("UPDATE ledger_entries SET created_at = now() - interval '2 minutes'")
    assert await asyncio.to_thread(main, ["check-ledger"], settings) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "3 entries, imbalance 7"
    await shop.admin.execute("DELETE FROM ledger_entries WHERE amount_minor = 7")
    assert await asyncio.to_thread(main, ["check-ledger"], settings) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 entries, imbalance 0"


@pytest.mark.parametrize(
    ("day", "why"),
    [("2026-13-01", "write it as 2026-01-31"), ("9999-12-31", "that day has not begun yet")],
)
async def test_a_day_that_cannot_be_compared_is_refused_before_anything_is_recorded(
    shop: Shop,
    settings_for: SettingsFor,
    capsys: pytest.CaptureFixture[str],
    day: str,
    why: str,
) -> None:
    settings = settings_for("payment")
    assert isinstance(settings, PaymentSettings)
    with pytest.raises(SystemExit):
        main(["reconcile", "--day", day], settings)
    assert why in capsys.readouterr().err
    assert await shop.admin.fetchval("SELECT count(*) FROM reconciliation_runs") == 0

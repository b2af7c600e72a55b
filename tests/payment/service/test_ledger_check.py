"""The ledger is added up by and by, each entry once, and none that commits late is passed over."""

import asyncpg
import pytest

from libs.ids import new_id
from libs.testing.databases import Databases
from services.payment.service.ledger_check import LedgerCheck
from tests.payment.conftest import Shop

ENTRY = (
    "INSERT INTO ledger_entries (transaction_id, account, side, amount_minor, currency)"
    " VALUES ($1, $2, $3, $4, 'USD')"
)


async def forge(shop: Shop, *entries: tuple[str, int, str]) -> None:
    """Book what does not balance, past every trigger."""
    payment_id, transaction_id = await shop.admin.fetchval("SELECT id FROM payments"), new_id("led")
    await shop.admin.execute("SET session_replication_role = replica")
    await shop.admin.execute(
        "INSERT INTO ledger_transactions (id, payment_id, order_id, purpose)"
        " VALUES ($1, $2, 'ord_1', 'forged')",
        transaction_id,
        payment_id,
    )
    for side, amount, currency in entries:
        await shop.admin.execute(
            "INSERT INTO ledger_entries (transaction_id, account, side, amount_minor, currency)"
            " VALUES ($1, 'sales', $2, $3, $4)",
            transaction_id,
            side,
            amount,
            currency,
        )
    await shop.admin.execute("SET session_replication_role = origin")


@pytest.mark.parametrize("page", [1, 2, 3, 100])
async def test_every_entry_is_added_once_whatever_the_size_of_a_page(shop: Shop, page: int) -> None:
    check = LedgerCheck(shop.units, page=page, settled_seconds=0)
    for currency in ("USD", "JPY", "KWD"):
        order_id = await shop.captured(currency=currency, amount_minor=1000)
        await shop.refund(order_id, 400, currency=currency)
        await check.go_on()
    assert (check.seen.entries, check.seen.imbalance_minor) == (12, 0)


async def test_what_was_added_is_not_read_again_until_everything_is(shop: Shop) -> None:
    await shop.captured()
    check = LedgerCheck(shop.units, settled_seconds=0)
    await check.go_on()
    await shop.admin.execute("SET session_replication_role = replica")
    await shop.admin.execute("UPDATE ledger_entries SET amount_minor = 1 WHERE side = 'debit'")
    await check.go_on()
    assert check.seen.imbalance_minor == 0
    await check.begin_again()
    assert (check.seen.entries, check.seen.imbalance_minor) == (2, 999)


async def test_an_entry_that_commits_after_younger_ones_is_waited_for(
    shop: Shop, databases: Databases
) -> None:
    """The late transaction has lower ids, and is not there yet when the younger one is."""
    order_id = await shop.authorize("tok_ok")
    payment = await shop.payment(order_id)
    patient, hasty = (
        LedgerCheck(shop.units, settled_seconds=60),
        LedgerCheck(shop.units, settled_seconds=0),
    )
    late = await asyncpg.connect(databases.url("payment"))
    try:
        transaction = late.transaction()
        await transaction.start()
        await late.execute(
            "INSERT INTO ledger_transactions (id, payment_id, order_id, purpose)"
            " VALUES ('led_1', $1, $2, 'correction')",
            payment["id"],
            order_id,
        )
        await late.execute(ENTRY, "led_1", "provider_clearing", "debit", 5)
        await late.execute(ENTRY, "led_1", "sales", "credit", 5)
        await shop.captured()
        await patient.go_on()
        await hasty.go_on()
        await transaction.commit()
    finally:
        await late.close()
    await shop.admin.execute("SET session_replication_role = replica")
    await shop.admin.execute("UPDATE ledger_entries SET created_at = now() - interval '2 minutes'")
    await patient.go_on()
    await hasty.go_on()
    assert (patient.seen.entries, patient.seen.imbalance_minor) == (4, 0)
    assert hasty.seen.entries == 2, "without patience it is passed over: the pause is needed"

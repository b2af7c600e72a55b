"""The schema holds its rules by itself: legal edges, an append-only ledger that balances, one payment per order."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from libs.database.migrations import differences, downgrade, upgrade
from libs.testing.database_server import Role
from libs.testing.databases import Databases
from services.payment.domain.states import EDGES, FIRST_STATES, PaymentState
from tests.payment.conftest import Shop

INSERT = """
INSERT INTO payments (id, order_id, user_id, home_region, amount_minor, currency, payment_method, state)
VALUES ($1, $1, 'usr_1', 'us-east-1', 100, 'USD', 'tok_ok', $2)
"""


async def test_models_and_migrations_agree(databases: Databases) -> None:
    assert await differences("payment", databases.url("payment", "migrator")) == []


async def test_the_schema_goes_down_and_up_again(databases: Databases) -> None:
    url = databases.fresh().url("payment", "migrator")
    await downgrade("payment", url, "base")
    await upgrade("payment", url)
    assert await differences("payment", url) == []


async def test_the_database_knows_exactly_the_legal_edges(admin: asyncpg.Connection) -> None:
    for before, after in itertools.permutations(PaymentState, 2):
        payment_id = f"pay_{before}_{after}"
        await admin.execute("SET session_replication_role = replica")
        await admin.execute(INSERT, payment_id, before)
        await admin.execute("SET session_replication_role = origin")
        move = admin.execute("UPDATE payments SET state = $2 WHERE id = $1", payment_id, after)
        if after in EDGES[before]:
            await move
        else:
            with pytest.raises(asyncpg.CheckViolationError, match="cannot go from"):
                await move


@pytest.mark.parametrize("state", PaymentState)
async def test_the_database_knows_the_first_states(
    admin: asyncpg.Connection, state: PaymentState
) -> None:
    if state in FIRST_STATES:
        await admin.execute(INSERT, "pay_1", state)
    else:
        with pytest.raises(asyncpg.CheckViolationError, match="cannot start as"):
            await admin.execute(INSERT, "pay_1", state)


@pytest.mark.parametrize(
    "change",
    [
        "captured_minor = 1001",
        "refunded_minor = 1001",
        "captured_minor = -1",
        "amount_minor = NULL",
        "currency = NULL",
        "user_id = NULL",
    ],
)
async def test_the_database_refuses_impossible_amounts(shop: Shop, change: str) -> None:
    await shop.captured()
    with pytest.raises(asyncpg.CheckViolationError):
        await shop.admin.execute(f"UPDATE payments SET {change}")  # noqa: S608 - constants


LEDGER_TABLES = ("ledger_transactions", "ledger_entries")
CHANGES = (
    "UPDATE {} SET created_at = now()",
    "UPDATE {} SET created_at = now() WHERE false",
    "DELETE FROM {}",
    "TRUNCATE {} CASCADE",
)


@asynccontextmanager
async def connected(databases: Databases, role: Role) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        databases.url("payment", role), server_settings={"search_path": "shop_payment"}
    )
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("table", LEDGER_TABLES)
@pytest.mark.parametrize("statement", CHANGES)
async def test_nobody_changes_the_ledger_not_even_its_owner(
    shop: Shop, databases: Databases, table: str, statement: str
) -> None:
    await shop.captured()
    async with connected(databases, "app") as app:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await app.execute(statement.format(table))
    async with connected(databases, "migrator") as owner:
        await owner.execute("SET ROLE shop_payment_owner")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(statement.format(table))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await shop.admin.execute(statement.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON ledger_entries",
        "ALTER TABLE ledger_entries DROP CONSTRAINT ck_ledger_entries_amount_positive",
        "SET session_replication_role = replica",
        "SET ROLE shop_payment_owner",
        "INSERT INTO ledger_entries (id, transaction_id, account, side, amount_minor, currency)"
        " OVERRIDING SYSTEM VALUE SELECT id, transaction_id, account, side, 1, currency"
        " FROM ledger_entries ON CONFLICT (id) DO UPDATE SET amount_minor = 1",
    ],
)
async def test_the_application_cannot_take_the_ledgers_protection_away(
    shop: Shop, databases: Databases, statement: str
) -> None:
    await shop.captured()
    async with connected(databases, "app") as app:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)


ENTRY = (
    "INSERT INTO ledger_entries (transaction_id, account, side, amount_minor, currency)"
    " VALUES ('led_1', $1, $2, $3, $4)"
)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [("sales", "credit", 1, "USD")],
        [("provider_clearing", "debit", 2, "USD"), ("sales", "credit", 1, "USD")],
        [("provider_clearing", "debit", 1, "USD"), ("sales", "credit", 1, "EUR")],
        [
            *(("provider_clearing", "debit", 5, "JPY"), ("sales", "credit", 5, "JPY")),
            *(("provider_clearing", "debit", 7, "KWD"), ("sales", "credit", 8, "KWD")),
        ],
    ],
)
async def test_a_ledger_transaction_that_does_not_balance_cannot_commit(
    shop: Shop, databases: Databases, entries: list[tuple[str, str, int, str]]
) -> None:
    order_id = await shop.authorize("tok_ok")
    payment = await shop.payment(order_id)
    app = await asyncpg.connect(databases.url("payment"))
    try:
        transaction = app.transaction()
        await transaction.start()
        await app.execute(
            "INSERT INTO ledger_transactions (id, payment_id, order_id, purpose)"
            " VALUES ('led_1', $1, $2, 'capture')",
            payment["id"],
            order_id,
        )
        for entry in entries:
            await app.execute(ENTRY, *entry)
        with pytest.raises(asyncpg.CheckViolationError):
            await transaction.commit()
    finally:
        await app.close()


async def test_what_balances_in_every_currency_commits_whatever_the_order_of_its_lines(
    shop: Shop, databases: Databases
) -> None:
    order_id = await shop.authorize("tok_ok")
    payment = await shop.payment(order_id)
    async with connected(databases, "app") as app, app.transaction():
        await app.execute(
            "INSERT INTO ledger_transactions (id, payment_id, order_id, purpose)"
            " VALUES ('led_1', $1, $2, 'correction')",
            payment["id"],
            order_id,
        )
        for entry in (
            ("sales", "credit", 5, "JPY"),
            ("sales", "credit", 3, "KWD"),
            ("provider_clearing", "debit", 2, "KWD"),
            ("provider_clearing", "debit", 5, "JPY"),
            ("provider_clearing", "debit", 1, "KWD"),
        ):
            await app.execute(ENTRY, *entry)
    assert await shop.balances() == {"sales": -8, "provider_clearing": 8}


@pytest.mark.parametrize("role", ["app", "superuser"])
async def test_a_committed_ledger_transaction_takes_no_further_entries(
    shop: Shop, databases: Databases, role: Role
) -> None:
    await shop.captured()
    booked = await shop.admin.fetchval("SELECT id FROM ledger_transactions")
    async with connected(databases, role) as late:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is closed"):
            await late.execute(
                "INSERT INTO ledger_entries"
                " (transaction_id, account, side, amount_minor, currency) VALUES"
                " ($1, 'provider_clearing', 'debit', 5, 'USD'), ($1, 'sales', 'credit', 5, 'USD')",
                booked,
            )
    assert await shop.balances() == {"sales": -1000, "provider_clearing": 1000}


async def test_a_movement_is_booked_once_per_payment_and_purpose(shop: Shop) -> None:
    order_id = await shop.captured()
    payment = await shop.payment(order_id)
    with pytest.raises(asyncpg.UniqueViolationError):
        await shop.admin.execute(
            "INSERT INTO ledger_transactions (id, payment_id, order_id, purpose)"
            " VALUES ('led_2', $1, $2, 'capture')",
            payment["id"],
            order_id,
        )


async def test_an_order_has_one_payment(admin: asyncpg.Connection) -> None:
    await admin.execute(INSERT, "pay_1", "authorizing")
    with pytest.raises(asyncpg.UniqueViolationError):
        await admin.execute(INSERT.replace("($1, $1", "('pay_2', $1"), "pay_1", "authorizing")

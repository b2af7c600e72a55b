import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.log import WITHHELD, AuditLog
from libs.audit.origin import coming_from, origin_of
from libs.audit.sealing import Sealer
from libs.database.session import Database
from libs.observability.context import bind
from tests.libs.audit.conftest import record, record_and_seal

KEY = b"a key of this test"


async def entries(database: Database) -> list[dict[str, object]]:
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT * FROM audit_entries ORDER BY position"))
        return [dict(row) for row in rows.mappings()]


async def test_an_entry_tells_who_did_what_to_what_from_where_and_in_which_story(
    database: Database,
) -> None:
    origin = origin_of("192.0.2.1", KEY)
    with bind(correlation_id="req_1"), coming_from(origin):
        async with database.transaction() as session:
            await AuditLog(session).record(
                "payment.captured", "service:order", "pay_1", "failed", amount_minor=5, last=True
            )
    [entry] = await entries(database)
    assert entry["action"] == "payment.captured"
    assert (entry["actor"], entry["subject"]) == ("service:order", "pay_1")
    assert (entry["outcome"], entry["origin"]) == ("failed", origin)
    assert entry["correlation_id"] == "req_1"
    assert json.loads(str(entry["details"])) == {"amount_minor": 5, "last": True}


async def test_what_was_rolled_back_is_in_no_log(database: Database) -> None:
    async def fail(session: AsyncSession) -> None:
        await AuditLog(session).record("price.changed", "usr_1", "prd_1")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.run(fail)
    assert await entries(database) == []
    assert await Sealer(database).run() == 0


@pytest.mark.parametrize(
    "personal", ["ada@example.org", "Ada Lovelace <x>", "Jürgen", "'; DROP", "", "x" * 201, "a\nb"]
)
async def test_what_is_no_id_code_or_number_is_withheld(database: Database, personal: str) -> None:
    async with database.transaction() as session:
        await AuditLog(session).record("price.changed", personal, personal, reason=personal)
    [entry] = await entries(database)
    assert (entry["actor"], entry["subject"]) == (WITHHELD, WITHHELD)
    assert json.loads(str(entry["details"])) == {"reason": WITHHELD}


def test_an_address_is_told_apart_and_never_told() -> None:
    first, second = origin_of("192.0.2.1", KEY), origin_of("192.0.2.2", KEY)
    assert first != second
    assert first == origin_of("192.0.2.1", KEY) != origin_of("192.0.2.1", b"another key")
    at_home = origin_of("2001:db8:1:2:aaaa::1", KEY)
    assert at_home == origin_of("2001:db8:1:2:bbbb::7", KEY) != origin_of("2001:db8:1:3::1", KEY)
    assert "192" not in first


@pytest.mark.parametrize("table", ["audit_entries", "audit_seals"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
async def test_the_application_can_neither_change_nor_remove_an_entry(
    database: Database, table: str, change: str
) -> None:
    await record_and_seal(database, "prd_1")
    column = {"audit_entries": "details", "audit_seals": "digest"}[table]
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction() as session:
            await session.execute(text(change.format(table, column, column)))


async def test_an_entry_waits_for_its_seal_in_the_order_it_was_recorded(database: Database) -> None:
    await record(database, "prd_1", "prd_2")
    await record(database, "prd_3")
    assert await Sealer(database, batch=2).run() == 3
    async with database.transaction() as session:
        order = await session.scalars(
            text(
                "SELECT subject FROM audit_seals JOIN audit_entries ON id = entry_id ORDER BY number"
            )
        )
    assert order.all() == ["prd_1", "prd_2", "prd_3"]

import asyncpg
import pytest

from libs.database.migrations import differences, downgrade, upgrade
from libs.testing.databases import Databases


async def test_models_and_migrations_say_the_same(databases: Databases) -> None:
    url = databases.fresh().url("product", "migrator")
    assert await differences("product", url) == []


async def test_migrations_go_down_and_up_again(databases: Databases) -> None:
    url = databases.fresh().url("product", "migrator")
    await downgrade("product", url, "base")
    await upgrade("product", url)
    assert await differences("product", url) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE stock_adjustments SET quantity = 9", "DELETE FROM stock_adjustments"]
)
async def test_the_application_cannot_rewrite_the_stock_ledger(
    database_urls: Databases, statement: str
) -> None:
    connection = await asyncpg.connect(database_urls["product"])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()

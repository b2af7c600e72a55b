import asyncpg
import pytest

from libs.database.migrations import differences, downgrade, upgrade
from libs.testing.databases import Databases

INSERT = """
    INSERT INTO identities (id, password_hash, roles, home_region, status)
    VALUES ('usr_1', 'x', $1, 'us-east-1', $2)
"""
LOG_IN = """
    INSERT INTO refresh_families
        (id, session_id, user_id, home_region, client_id, user_agent, address_hash, auth_time,
         last_used_at, expires_at)
    VALUES ('fam_1', 'ses_1', 'usr_1', 'us-east-1', 'web', '', '', now(), now(), now())
"""


async def test_models_and_migrations_say_the_same(databases: Databases) -> None:
    url = databases.fresh().url("auth", "migrator")
    assert await differences("auth", url) == []


async def test_migrations_go_down_and_up_again(databases: Databases) -> None:
    url = databases.fresh().url("auth", "migrator")
    await downgrade("auth", url, "base")
    await upgrade("auth", url)
    assert await differences("auth", url) == []


@pytest.mark.parametrize(
    ("roles", "status", "logged_in", "was_open"),
    [
        (["customer"], "active", False, True),
        (["customer"], "closed", False, True),
        (["customer"], "pending", False, False),
        (["customer"], "disabled", False, False),
        (["customer"], "pending", True, True),
        (["customer"], "disabled", True, True),
        (["customer", "admin"], "pending", False, True),
    ],
)
async def test_accounts_from_before_were_open_if_anything_says_so(
    databases: Databases,
    roles: list[str],
    status: str,
    logged_in: bool,  # noqa: FBT001 - a row of the table above
    was_open: bool,  # noqa: FBT001 - a row of the table above
) -> None:
    fresh = databases.fresh()
    migrator = fresh.url("auth", "migrator")
    await downgrade("auth", migrator, "0011")
    connection = await asyncpg.connect(fresh.url("auth"))
    try:
        await connection.execute(INSERT, roles, status)
        if logged_in:
            await connection.execute(LOG_IN)
        await upgrade("auth", migrator)
        assert await connection.fetchval("SELECT opened_at IS NOT NULL FROM identities") is was_open
    finally:
        await connection.close()

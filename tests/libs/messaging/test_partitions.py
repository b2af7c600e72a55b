import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from libs.database.migrations import downgrade, upgrade
from libs.ids import uuid7
from libs.messaging.partitions import bound_message_tables, part_message_tables
from libs.testing.databases import Databases, FreshDatabase
from libs.testing.waiting import eventually

VERSIONS = Path("services/auth/migrations/versions")
[PARTED] = [path.name[:4] for path in VERSIONS.glob("*_part_messages_by_week.py")]
[BOUND] = [path.name[:4] for path in VERSIONS.glob("*_bound_messages.py")]
BEFORE = f"{int(BOUND) - 1:04d}"

OUTBOX_ROW = """INSERT INTO outbox_messages
    (id, aggregate_id, aggregate_version, type, destination, envelope, published_at)
    VALUES ($1, $2, 1, 't', 'd', '{}', CASE WHEN $3 THEN now() END)"""
INBOX_ROW = """INSERT INTO inbox_messages (consumer, event_id, type, subject, status)
    VALUES ('user-inbox', $1, 't', 's', 'done') ON CONFLICT DO NOTHING"""
WAITING = False
STRAY = UUID("ffffffff-ffff-4fff-bfff-ffffffffffff")
"""No UUIDv7, so it belongs to no week."""
EVERYTHING = (
    "SELECT * FROM outbox_messages ORDER BY position",
    "SELECT * FROM inbox_messages ORDER BY event_id",
)


@pytest.fixture
async def fresh(databases: Databases) -> FreshDatabase:
    """A database whose auth schema is as it was before its messages had weeks."""
    fresh = databases.fresh(migrated=False)
    await upgrade("auth", fresh.url("auth", "migrator"), BEFORE)
    return fresh


@asynccontextmanager
async def connected(fresh: FreshDatabase, role: str = "app") -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh.url("auth", "app" if role == "app" else "migrator"))
    try:
        if role == "owner":
            await connection.execute("SET ROLE shop_auth_owner")
        yield connection
    finally:
        await connection.close()


async def fill(connection: asyncpg.Connection, rows: int) -> None:
    for number in range(rows):
        await connection.execute(OUTBOX_ROW, uuid7(), f"usr_{number}", number % 3 == 0)
        await connection.execute(INBOX_ROW, uuid7())


async def rows_of(connection: asyncpg.Connection) -> list[list[tuple[object, ...]]]:
    return [[tuple(row) for row in await connection.fetch(query)] for query in EVERYTHING]


async def test_every_row_survives_the_way_up_and_down_and_up_again(fresh: FreshDatabase) -> None:
    migrator = fresh.url("auth", "migrator")
    async with connected(fresh) as app:
        await fill(app, 30)
        await app.execute(INBOX_ROW, STRAY)
        before = await rows_of(app)
    for move, revision in ((upgrade, PARTED), (downgrade, BOUND), (upgrade, PARTED)):
        await move("auth", migrator, revision)
        async with connected(fresh) as app:
            assert await rows_of(app) == before
            await app.execute(OUTBOX_ROW, uuid7(), "usr_new", WAITING)
            *_, last = await app.fetch("SELECT * FROM outbox_messages ORDER BY position")
            assert last["position"] > max(row[1] for row in before[0])  # type: ignore[type-var]  # bigints
            for row in await app.fetch(
                "SELECT event_id FROM inbox_messages WHERE event_id < $1", STRAY
            ):
                assert await app.execute(INBOX_ROW, row["event_id"]) == "INSERT 0 0", "still known"
            before = await rows_of(app)
    await downgrade("auth", migrator, BEFORE)
    async with connected(fresh) as app:
        assert await rows_of(app) == before


async def test_messages_are_written_and_published_all_through_the_migration(
    fresh: FreshDatabase,
) -> None:
    stop = asyncio.Event()
    written: list[UUID] = []

    async def write() -> None:
        async with connected(fresh) as app:
            while not stop.is_set():
                message_id = uuid7()
                await app.execute(OUTBOX_ROW, message_id, "usr_1", WAITING)
                await app.execute(INBOX_ROW, message_id)
                await app.execute(
                    "UPDATE outbox_messages SET published_at = now() WHERE id = $1", message_id
                )
                written.append(message_id)

    writers = [asyncio.create_task(write()) for _ in range(3)]
    try:
        await upgrade("auth", fresh.url("auth", "migrator"), PARTED)
        enough = len(written) + 30
        await eventually(lambda: len(written) >= enough)
    finally:
        stop.set()
        await asyncio.gather(*writers)
    async with connected(fresh) as app:
        for table, key in (("outbox_messages", "id"), ("inbox_messages", "event_id")):
            found = await app.fetch(f"SELECT {key} FROM {table}")  # noqa: S608 - our own names
            assert sorted(row[0] for row in found) == sorted(written)


class _Statements(list[str]):
    """Stands in for alembic's `op`: collects the SQL."""

    def execute(self, sqltext: str, /) -> None:
        self.append(sqltext)


async def test_no_row_is_read_while_requests_are_locked_out(fresh: FreshDatabase) -> None:
    async with connected(fresh) as app:
        await fill(app, 3)
    bound, parted, told = _Statements(), _Statements(), list[str]()
    bound_message_tables(bound)
    part_message_tables(parted)
    async with connected(fresh, "owner") as owner:
        for statement in bound:
            await owner.execute(statement)
        owner.add_log_listener(lambda _, message: told.append(str(message)))
        await owner.execute("SET client_min_messages = debug1")
        for statement in parted:
            await owner.execute(statement)
    attached = [line for line in told if "_until_" in line and "implied by existing" in line]
    assert len(attached) == 2, told
    work = ("verifying table", "building index", "rewriting table")
    assert [line for line in told if "_until_" in line and line.startswith(work)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE outbox_messages_default",
        "ALTER TABLE outbox_messages DETACH PARTITION outbox_messages_default",
        "CREATE TABLE x PARTITION OF outbox_messages FOR VALUES FROM (MINVALUE) TO (MAXVALUE)",
        "TRUNCATE inbox_messages_default",
        "SELECT shop_user.create_message_partition('outbox_messages')",
        "ALTER FUNCTION create_message_partition(text) SECURITY INVOKER",
        "SELECT drop_message_partition('outbox_messages', 'outbox_messages_default')",
        "SELECT drop_message_partition('identities', 'identities')",
        "SELECT create_message_partition('identities')",
    ],
)
async def test_the_application_role_gets_no_right_beyond_the_two_functions(
    databases: Databases, statement: str
) -> None:
    connection = await asyncpg.connect(databases.url("auth"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_the_functions_run_as_the_owner_with_a_path_of_their_own(
    databases: Databases,
) -> None:
    connection = await asyncpg.connect(databases.url("auth"))
    rows = await connection.fetch(
        """SELECT proname, pg_get_userbyid(proowner) AS owner, prosecdef, proconfig, proacl::text
        FROM pg_proc WHERE pronamespace = 'shop_auth'::regnamespace
        AND proname LIKE '%\\_message\\_partition' ORDER BY proname"""
    )
    assert await connection.fetchval("SELECT create_message_partition('outbox_messages')") is None
    await connection.close()
    assert [row["proname"] for row in rows] == [
        "create_message_partition",
        "drop_message_partition",
    ]
    for row in rows:
        assert row["owner"] == "shop_auth_owner"
        assert row["prosecdef"]
        assert "search_path=shop_auth, pg_temp" in row["proconfig"]
        assert row["proacl"] == (
            "{shop_auth_owner=X/shop_auth_owner,shop_auth_app=X/shop_auth_owner}"
        )

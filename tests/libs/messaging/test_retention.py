from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from libs.clock import utc_now
from libs.database.session import Database
from libs.ids import uuid7
from libs.messaging.retention import Kept, Retention
from libs.messaging.routing import Routing
from libs.observability.metrics import Observation

OUTBOX, INBOX = "outbox_messages", "inbox_messages"
KEYS = {OUTBOX: "id", INBOX: "event_id"}
ROWS = {
    OUTBOX: "INSERT INTO outbox_messages (id, aggregate_id, aggregate_version, type, destination,"
    " envelope, created_at, published_at) VALUES (:id, 'ord_1', 1, 't', 'd', '{}', :at, :at)",
    INBOX: "INSERT INTO inbox_messages (consumer, event_id, type, subject, status, received_at)"
    " VALUES ('cart-inbox', :id, 't', 's', 'done', :at)",
}


def id_at(moment: datetime) -> UUID:
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | (uuid7().int & ((1 << 80) - 1)))


async def run(database: Database, *statements: str, **values: object) -> list[object]:
    async with database.transaction() as session:
        found: list[object] = []
        for statement in statements:
            result = await session.execute(text(statement), values)
            found = list(result.scalars()) if statement.startswith("SELECT") else []
        return found


async def partitions(database: Database, table: str) -> list[str]:
    return [
        str(name)
        for name in await run(
            database,
            "SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = oid"
            " WHERE inhparent = to_regclass(:table) ORDER BY relname",
            table=table,
        )
    ]


async def give_past(database: Database, table: str, weeks: int) -> dict[int, str]:
    """Replace the first partition, which holds all of the past, by one for each week; return their names by age."""
    [first] = [name for name in await partitions(database, table) if "_until_" in name]
    await run(database, f"DROP TABLE {first}")
    monday = monday_of(utc_now())
    names: dict[int, str] = {}
    for age in range(weeks + 1):
        starts = monday - timedelta(weeks=age)
        names[age] = f"{table}_{starts:%Y%m%d}"
        bounds = [f"{edge(moment)}" for moment in (starts, starts + timedelta(weeks=1))]
        await run(
            database,
            f"CREATE TABLE {names[age]} PARTITION OF {table}"
            f" FOR VALUES FROM ('{bounds[0]}') TO ('{bounds[1]}')",
        )
    return names


def monday_of(moment: datetime) -> datetime:
    day = moment - timedelta(days=moment.weekday())
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def edge(moment: datetime) -> UUID:
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | (0x7000_8000 << 48))


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database, tries=2, pause_seconds=0.01)


@pytest.mark.parametrize("table", [OUTBOX, INBOX])
async def test_weeks_past_the_promise_are_dropped_and_the_others_stay(
    database: Database, retention: Retention, table: str
) -> None:
    names = await give_past(database, table, 8)
    ages = range(0, 60, 3)
    for age in ages:
        moment = utc_now() - timedelta(days=age)
        await run(database, ROWS[table], id=id_at(moment), at=moment)
    await retention.run()
    promised = retention.days[table]
    left = set(await partitions(database, table))
    for weeks, name in names.items():
        ended = monday_of(utc_now()) - timedelta(weeks=weeks - 1)
        assert (name in left) == (ended > utc_now() - timedelta(days=promised)), name
    kept = await run(database, f"SELECT {KEYS[table]} FROM {table}")  # noqa: S608 - our own names
    assert len(kept) >= sum(age <= promised for age in ages)
    assert retention.kept == []


@pytest.mark.parametrize(
    ("table", "waiting"),
    [
        (OUTBOX, "published_at = NULL"),
        (OUTBOX, "published_at = now() - interval '1 day'"),
        (INBOX, "status = 'parked', retry_at = now()"),
        (INBOX, "status = 'dead'"),
    ],
)
async def test_a_week_in_which_a_message_waits_is_kept_and_said_so(
    database: Database, retention: Retention, table: str, waiting: str
) -> None:
    names = await give_past(database, table, 8)
    moment = utc_now() - timedelta(days=55)
    await run(database, ROWS[table], f"UPDATE {table} SET {waiting}", id=id_at(moment), at=moment)  # noqa: S608 - our own names
    await retention.run()
    weeks = (monday_of(utc_now()) - monday_of(moment)) // timedelta(weeks=1)
    assert retention.kept == [Kept(table, names[weeks], "needed")]
    assert names[weeks] in await partitions(database, table)
    assert names[weeks - 1] not in await partitions(database, table)
    assert Observation(1, {"table": table, "reason": "needed"}) in retention._reasons()
    age = max(one.value for one in retention._ages())
    assert age > timedelta(days=47).total_seconds()


async def test_a_row_that_turns_up_between_look_and_drop_saves_its_week(
    database: Database, retention: Retention
) -> None:
    names = await give_past(database, OUTBOX, 8)
    moment = utc_now() - timedelta(days=55)
    await run(database, ROWS[OUTBOX], id=id_at(moment), at=moment)
    weeks = (monday_of(utc_now()) - monday_of(moment)) // timedelta(weeks=1)
    await run(database, f"UPDATE {OUTBOX} SET published_at = NULL")  # noqa: S608 - our own names
    ask = f"SELECT drop_message_partition('{OUTBOX}', '{names[weeks]}')"
    assert await run(database, ask) == [False]
    await run(database, f"UPDATE {OUTBOX} SET published_at = now() - interval '20 days'")  # noqa: S608 - our own names
    assert await run(database, ask) == [True]
    assert await run(database, ask) == [True], "asking again changes nothing"
    assert names[weeks] not in await partitions(database, OUTBOX)


async def test_nobody_waits_for_a_week_that_is_in_use(
    database: Database, retention: Retention
) -> None:
    await give_past(database, OUTBOX, 8)
    async with database.transaction() as session:
        await session.execute(text(f"SELECT FROM {OUTBOX} FOR UPDATE"))
        await retention.run()
        assert {kept.reason for kept in retention.kept if kept.table == OUTBOX} == {"busy"}
    await retention.run()
    assert retention.kept == []


async def test_this_week_and_the_next_are_there_before_they_are_needed(
    database: Database, retention: Retention
) -> None:
    for table in (OUTBOX, INBOX):
        for name in await partitions(database, table):
            if not name.endswith("_default"):
                await run(database, f"DROP TABLE {name}")
    await retention.run()
    monday = monday_of(utc_now())
    expected = {f"{monday + timedelta(weeks=n):%Y%m%d}" for n in (0, 1)}
    for table in (OUTBOX, INBOX):
        made = {name.rpartition("_")[2] for name in await partitions(database, table)}
        assert made == {*expected, "default"}
        moment = utc_now()
        await run(database, ROWS[table], id=id_at(moment), at=moment)
        assert await run(database, f"SELECT 1 FROM {table}_default") == []  # noqa: S608 - our own names
    before = await partitions(database, OUTBOX)
    await retention.run()
    assert await partitions(database, OUTBOX) == before


async def test_a_week_that_began_in_the_default_partition_stays_there_and_the_next_is_made(
    database: Database, retention: Retention
) -> None:
    for name in await partitions(database, OUTBOX):
        if not name.endswith("_default"):
            await run(database, f"DROP TABLE {name}")
    now = utc_now()
    await run(database, ROWS[OUTBOX], id=id_at(now), at=now)
    await retention.run()
    monday = monday_of(now)
    assert await partitions(database, OUTBOX) == [
        f"{OUTBOX}_{monday + timedelta(weeks=1):%Y%m%d}",
        f"{OUTBOX}_default",
    ]


@pytest.mark.parametrize("table", [OUTBOX, INBOX])
async def test_what_no_week_holds_is_deleted_from_the_default_partition_when_it_is_old(
    database: Database, retention: Retention, table: str
) -> None:
    far = utc_now() + timedelta(weeks=500)
    old, young = utc_now() - timedelta(days=40), utc_now() - timedelta(days=1)
    for _ in range(3):
        await run(database, ROWS[table], id=id_at(far), at=old)
    kept = id_at(far)
    await run(database, ROWS[table], id=kept, at=young)
    await retention.run()
    assert await run(database, f"SELECT {KEYS[table]} FROM {table}_default") == [kept]  # noqa: S608 - our own names


@pytest.mark.parametrize(
    ("table", "part"),
    [
        (OUTBOX, f"{OUTBOX}_default"),
        (OUTBOX, "{newest}"),
        ("things", "things"),
        (OUTBOX, "things"),
        (INBOX, f"{OUTBOX}_default"),
    ],
)
async def test_nothing_but_an_old_week_of_outbox_or_inbox_can_be_dropped(
    database: Database, table: str, part: str
) -> None:
    await run(database, "CREATE TABLE things (id int)")
    newest = next(name for name in await partitions(database, OUTBOX) if "default" not in name)
    with pytest.raises(Exception, match=r"is no week of|only outbox and inbox"):
        await run(
            database,
            "SELECT drop_message_partition(:table, :part)",
            table=table,
            part=part.format(newest=newest),
        )


def test_the_owner_drops_nothing_earlier_than_the_routing_table_promises() -> None:
    # The figures in `drop_message_partition`, which only a migration can change.
    days = Routing.load().retention_days
    assert days.outbox >= 14
    assert days.inbox >= 35

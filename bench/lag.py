"""How long a message is on its way: from the transaction that writes it to the one that has acted on it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from libs.topology import SERVICES, schema_of

SETTLE_SECONDS: Final = 30.0

# Commit times are exact; the outbox row itself was rewritten by the relay since, so its own time of insertion, the
# start of its transaction, stands in for that commit.
_OUTBOXES: Final = " UNION ALL ".join(
    f"SELECT id, type, created_at FROM {schema_of(service)}.outbox_messages"  # noqa: S608 - our own names
    for service in SERVICES
)
_INBOXES: Final = " UNION ALL ".join(
    f"SELECT event_id, consumer, status, pg_xact_commit_timestamp(xmin) AS consumed_at"  # noqa: S608 - our own names
    f" FROM {schema_of(service)}.inbox_messages"
    for service in SERVICES
)
_LAGS: Final = f"""
SELECT sent.type, seen.consumer, extract(epoch FROM seen.consumed_at - sent.created_at)::float8 AS lag
FROM ({_OUTBOXES}) AS sent JOIN ({_INBOXES}) AS seen ON seen.event_id = sent.id
WHERE sent.created_at BETWEEN $1 AND $2 AND seen.status = 'done'
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class Lag:
    """One message at one of its consumers."""

    message_type: str
    consumer: str
    seconds: float


async def lags_between(
    connection: asyncpg.Connection, since: datetime, until: datetime
) -> list[Lag]:
    """Read every message written between two times with each consumer that has acted on it."""
    rows = await connection.fetch(_LAGS, since, until)
    return [Lag(row["type"], row["consumer"], row["lag"]) for row in rows]


async def until_quiet(
    connection: asyncpg.Connection, since: datetime, until: datetime
) -> list[Lag]:
    """Wait until no further message arrives, and return them all."""
    deadline = time.monotonic() + SETTLE_SECONDS
    seen: Sequence[Lag] = ()
    while True:
        found = await lags_between(connection, since, until)
        if len(found) == len(seen) or time.monotonic() > deadline:
            return found
        seen = found
        await asyncio.sleep(1.5)


async def remember_commit_times(connection: asyncpg.Connection) -> None:
    """Have PostgreSQL keep commit times from its next start on."""
    await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")

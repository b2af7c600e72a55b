"""What no service has dealt with yet."""

import asyncpg

from libs.topology import SERVICES, schema_of
from tests.e2e.stack import Stack


async def unfinished_messages(stack: Stack) -> list[str]:
    """Name every message that is unsent, parked or given up."""
    connection = await asyncpg.connect(stack.database)
    try:
        return [
            f"{service}: {row}"
            for service in SERVICES
            for table, wanted in (
                ("outbox_messages", "published_at IS NULL"),
                ("inbox_messages", "status <> 'done'"),
            )
            for row in await connection.fetch(
                f"SELECT type FROM {schema_of(service)}.{table} WHERE {wanted}"  # noqa: S608 - our own names
            )
        ]
    finally:
        await connection.close()

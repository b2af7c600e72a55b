"""Looks into the outboxes, to show which messages a request caused; the shop's own interfaces do not need it."""

import asyncio
import time
from dataclasses import dataclass, field

import asyncpg

from libs.topology import SERVICES, schema_of

_CAUSED = " UNION ALL ".join(
    f"SELECT type, created_at, position FROM {schema_of(service)}.outbox_messages"  # noqa: S608 - constant names
    " WHERE envelope::jsonb ->> 'correlationid' = $1 AND created_at > now() - interval '10 minutes'"
    for service in SERVICES
)

_IN_ORDER = f"SELECT type FROM ({_CAUSED}) AS caused ORDER BY created_at, position"  # noqa: S608 - constant names


class EventsMissing(AssertionError):
    """A request did not lead to the messages it should have led to."""


@dataclass
class Observer:
    """Reads the messages of one request, in every schema, as the database's administrator."""

    connection: asyncpg.Connection
    missing: list[str] = field(default_factory=list)

    async def caused_by(self, request_id: str) -> list[str]:
        rows = await self.connection.fetch(_IN_ORDER, request_id)
        return [row["type"] for row in rows]

    async def wait_for(self, request_id: str, expected: set[str], seconds: float = 15) -> list[str]:
        """Return the messages a request caused once all expected types are among them.

        Raises:
            EventsMissing: they did not come in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            seen = await self.caused_by(request_id)
            if expected <= set(seen):
                return seen
            if time.monotonic() > deadline:
                raise EventsMissing(f"expected {sorted(expected - set(seen))}, saw {seen}")
            await asyncio.sleep(0.1)

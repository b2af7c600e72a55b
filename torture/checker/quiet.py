"""Waits, for a bounded time, until a shop that is left alone has nothing more to do."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from botocore.exceptions import BotoCoreError, ClientError

from torture.checker.book import undelivered
from torture.checker.broker import depths
from torture.checker.shop import SERVICES

_LOOK_SECONDS: Final = 1.0

_UNDONE: Final = {
    "orders wait for an answer": """
        SELECT count(*) FROM shop_order.orders
        WHERE next_check_at IS NOT NULL OR order_status = 'pending'
    """,
    "pieces are held": "SELECT count(*) FROM shop_product.reservations WHERE state = 'held'",
    "calls to the provider are open": """
        SELECT count(*) FROM shop_payment.provider_operations WHERE state IN ('intended', 'unknown')
    """,
    "webhooks wait to be applied": """
        SELECT count(*) FROM shop_payment.provider_events WHERE state = 'pending'
    """,
    **{
        f"messages of {service} are not published": f"""
            SELECT count(*) FROM shop_{service}.outbox_messages WHERE published_at IS NULL
        """  # noqa: S608 - constant names
        for service in SERVICES
    },
    **{
        f"messages are parked in {service}": f"""
            SELECT count(*) FROM shop_{service}.inbox_messages WHERE status = 'parked'
        """  # noqa: S608 - constant names
        for service in SERVICES
    },
}


@dataclass(frozen=True)
class Quiet:
    """How long it took, and what was still going on when the time was up."""

    seconds: float
    undone: list[str]


async def until_quiet(address: str, book: Path, broker: str, *, seconds: float) -> Quiet:
    """Look once a second until nothing is under way, `seconds` at most.

    What does not answer is not quiet; and one quiet look may fall between two steps, so there are three.
    """
    began = time.monotonic()
    calm_since: float | None = None
    while True:
        now = time.monotonic() - began
        undone = await _undone(address, book) or await _queued(broker)
        calm_since = None if undone else now if calm_since is None else calm_since
        if calm_since is not None and now - calm_since >= 2 * _LOOK_SECONDS:
            return Quiet(calm_since, [])
        if now > seconds and undone:
            return Quiet(now, undone)
        await asyncio.sleep(_LOOK_SECONDS)


async def _undone(address: str, book: Path) -> list[str]:
    try:
        connection = await asyncpg.connect(address, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return [f"the database does not answer: {error!r}"]
    try:
        counts = {what: await connection.fetchval(sql) for what, sql in _UNDONE.items()}
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [f"the database does not answer: {error!r}"]
    finally:
        await connection.close(timeout=5)
    counts["webhooks wait to be delivered"] = undelivered(book)
    return [f"{count} {what}" for what, count in counts.items() if count]


async def _queued(broker: str) -> list[str]:
    try:
        waiting = await depths(broker, dead=False)
    except (OSError, BotoCoreError, ClientError) as error:
        return [f"the broker does not answer: {error!r}"]
    return [f"{count} messages are in {queue}" for queue, count in waiting.items() if count]

"""Where an order has left traces: each service's tables, and the logs of the requests about it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg

from libs.topology import SERVICES, schema_of


@dataclass(frozen=True, order=True)
class Moment:
    """Something that happened: when, where, what kind, and in words."""

    at: datetime
    service: str
    kind: str
    text: str


@dataclass(frozen=True)
class Written:
    """A message in an outbox, with what is needed to find who consumed it."""

    event_id: str
    type: str
    correlation_id: str
    service: str
    at: datetime
    published_at: datetime | None


_MESSAGES: Final = " UNION ALL ".join(
    f"SELECT '{service}' AS service, id, type, envelope, created_at, published_at"  # noqa: S608 - constant names
    f" FROM {schema_of(service)}.outbox_messages"
    " WHERE aggregate_id = $1 OR envelope::jsonb #>> '{data,order_id}' = $1"
    for service in SERVICES
)
_CONSUMED: Final = " UNION ALL ".join(
    f"SELECT '{service}' AS service, event_id, status, processed_at"  # noqa: S608 - constant names
    f" FROM {schema_of(service)}.inbox_messages WHERE event_id = ANY($1)"
    for service in SERVICES
)
_TIMELINE: Final = """
SELECT axis, from_status, to_status, cause, at FROM shop_order.order_timeline
WHERE order_id = $1 ORDER BY sequence
"""
_LEDGER: Final = """
SELECT t.purpose, e.account, e.side, e.amount_minor, e.currency, t.created_at
FROM shop_payment.ledger_transactions t JOIN shop_payment.ledger_entries e ON e.transaction_id = t.id
WHERE t.order_id = $1 ORDER BY e.id
"""
_HOLD: Final = """
SELECT r.created_at, string_agg(l.quantity || ' x ' || l.sku, ', ' ORDER BY l.sku) AS pieces
FROM shop_product.reservations r JOIN shop_product.reservation_lines l USING (order_id)
WHERE r.order_id = $1 GROUP BY r.created_at
"""


async def exists(connection: asyncpg.Connection, order_id: str) -> bool:
    """Tell whether order knows this id."""
    found = await connection.fetchval("SELECT 1 FROM shop_order.orders WHERE id = $1", order_id)
    return found is not None


async def state_changes(connection: asyncpg.Connection, order_id: str) -> list[Moment]:
    """Return every step on the three axes, and the hold of the stock."""
    steps = [
        Moment(
            row["at"],
            "order",
            "state",
            f"{row['axis']}: {row['from_status'] or '-'} > {row['to_status']}  ({row['cause']})",
        )
        for row in await connection.fetch(_TIMELINE, order_id)
    ]
    holds = [
        Moment(row["created_at"], "product", "state", f"stock: held {row['pieces']}")
        for row in await connection.fetch(_HOLD, order_id)
    ]
    return steps + holds


async def messages(connection: asyncpg.Connection, order_id: str) -> list[Written]:
    """Return every message about the order, from all outboxes."""
    return [
        Written(
            str(row["id"]),
            row["type"],
            json.loads(row["envelope"]).get("correlationid") or "",
            row["service"],
            row["created_at"],
            row["published_at"],
        )
        for row in await connection.fetch(_MESSAGES, order_id)
    ]


async def deliveries(connection: asyncpg.Connection, written: Sequence[Written]) -> list[Moment]:
    """Tell when each message was written and published, and how long after the commit each consumer was done."""
    by_id = {message.event_id: message for message in written}
    told = [
        Moment(message.at, message.service, "message", f"wrote {message.type}{_published(message)}")
        for message in written
    ]
    for row in await connection.fetch(_CONSUMED, list(by_id)):
        message = by_id[str(row["event_id"])]
        if row["processed_at"] is None:
            told.append(
                Moment(message.at, row["service"], "message", f"{message.type} is {row['status']}")
            )
            continue
        lag = _milliseconds(message.at, row["processed_at"])
        told.append(
            Moment(
                row["processed_at"],
                row["service"],
                "message",
                f"handled {message.type} of {message.service}, {lag} after it was written",
            )
        )
    return told


async def ledger_entries(connection: asyncpg.Connection, order_id: str) -> list[Moment]:
    """Return the order's entries in the ledger."""
    return [
        Moment(
            row["created_at"],
            "payment",
            "ledger",
            f"{row['purpose']}: {row['side']} {row['account']} {row['amount_minor']} {row['currency']}",
        )
        for row in await connection.fetch(_LEDGER, order_id)
    ]


def requests(logs: Path, order_id: str, correlation_ids: set[str]) -> list[Moment]:
    """Return the requests that began the order's messages or name the order in their path."""
    found: list[Moment] = []
    for service in SERVICES:
        for path in sorted(logs.glob(f"{service}*.log")):
            found.extend(_requests_in(path, service, order_id, correlation_ids))
    return found


def _requests_in(
    path: Path, service: str, order_id: str, correlation_ids: set[str]
) -> Iterator[Moment]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            record = _access_record(line)
            if record is None:
                continue
            where = str(record["path"])
            if order_id in where or record.get("request_id") in correlation_ids:
                milliseconds = float(record["duration_ms"])
                ended = datetime.fromisoformat(str(record["timestamp"]))
                yield Moment(
                    ended - timedelta(milliseconds=milliseconds),
                    service,
                    "request",
                    f"{record['method']} {where} > {record['status']} in {milliseconds:.0f} ms",
                )


def _access_record(line: str) -> dict[str, Any] | None:
    if '"http_request"' not in line:
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    wanted = {"path", "duration_ms", "timestamp", "method", "status"}
    return record if isinstance(record, dict) and wanted <= record.keys() else None


def _published(message: Written) -> str:
    if message.published_at is None:
        return ", not published yet"
    return f", published {_milliseconds(message.at, message.published_at)} later"


def _milliseconds(start: datetime, end: datetime) -> str:
    return f"{(end - start).total_seconds() * 1000:.0f} ms"

"""Signed, retried, durable delivery of events: at least once, in no promised order."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx

from simulator.offload import Offload
from simulator.store import Store

_BATCH: Final = 20
_IDLE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 60.0
_GIVE_UP_AFTER_SECONDS: Final = 3 * 24 * 3600.0
_TIMEOUT_SECONDS: Final = 5.0


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the `Simulator-Signature` header: HMAC-SHA256 over `<t>.<raw body>`, as Stripe signs."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


@dataclass(frozen=True)
class Delivery:
    """One copy of an event that is due."""

    id: int
    event_id: str
    body: str
    attempts: int
    event_created_at: float


class DeliveryTable:
    """Reads and marks the durable queue of deliveries."""

    def __init__(self, store: Store, *, retry_seconds: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._retry_seconds = retry_seconds
        self._clock = clock

    def due(self) -> list[Delivery]:
        rows = self._store.all(
            "SELECT d.id, d.event_id, e.body, d.attempts, e.created_at FROM deliveries d"
            " JOIN events e ON e.id = d.event_id"
            " WHERE d.delivered_at IS NULL AND d.given_up_at IS NULL AND d.due_at <= ?"
            " ORDER BY d.due_at LIMIT ?",
            self._clock(),
            _BATCH,
        )
        return [Delivery(*row) for row in rows]

    def delivered(self, delivery: Delivery) -> None:
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET delivered_at = ?, attempts = attempts + 1 WHERE id = ?",
                (self._clock(), delivery.id),
            )

    def failed(self, delivery: Delivery, error: str) -> None:
        """Schedule the next try; give up after three days, as Stripe does."""
        now = self._clock()
        pause = min(self._retry_seconds * 2.0**delivery.attempts, _LONGEST_PAUSE_SECONDS)
        give_up = now if now - delivery.event_created_at > _GIVE_UP_AFTER_SECONDS else None
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET due_at = ?, attempts = attempts + 1, last_error = ?,"
                " given_up_at = ? WHERE id = ?",
                (now + pause, error[:200], give_up, delivery.id),
            )


class Courier:
    """Posts due deliveries until told to stop."""

    def __init__(
        self,
        table: DeliveryTable,
        offload: Offload,
        *,
        url: str,
        secret: str,
        clock: Callable[[], float],
    ) -> None:
        self._table = table
        self._offload = offload
        self._url = url
        self._secret = secret
        self._clock = clock

    async def run(self, stopping: asyncio.Event) -> None:
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            while not stopping.is_set():
                due = await self._offload.call(self._table.due)
                await asyncio.gather(*(self._deliver(http, delivery) for delivery in due))
                if not due:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stopping.wait(), _IDLE_SECONDS)

    async def _deliver(self, http: httpx.AsyncClient, delivery: Delivery) -> None:
        body = delivery.body.encode()
        headers = {
            "Content-Type": "application/json",
            "Simulator-Signature": sign(self._secret, int(self._clock()), body),
        }
        try:
            response = await http.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            await self._offload.call(self._table.failed, delivery, type(error).__name__)
            return
        if response.is_success:
            await self._offload.call(self._table.delivered, delivery)
        else:
            await self._offload.call(self._table.failed, delivery, f"HTTP {response.status_code}")

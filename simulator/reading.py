"""Every question the provider answers from its books: by id, by idempotency key, by day."""

import sqlite3

from simulator.errors import SimulatorError
from simulator.shapes import charge_body, refund_body
from simulator.store import Store


class Reading:
    """Read-only side of the book, for clients that lost an answer and for reconciliation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def charge(self, charge_id: str) -> dict[str, object]:
        """Return one charge.

        Raises:
            SimulatorError: 404, there is none with this id.
        """
        row = self._store.first("SELECT * FROM charges WHERE id = ?", charge_id)
        if row is None:
            raise SimulatorError(
                404, "invalid_request_error", "charge_not_found", "No such charge."
            )
        return charge_body(row)

    def challenge(self, challenge: str) -> sqlite3.Row | None:
        """Return the charge a customer is asked to confirm, or was."""
        return self._store.first("SELECT * FROM charges WHERE challenge = ?", challenge)

    def charges_by_key(self, key: str) -> list[dict[str, object]]:
        """Return the charge that a call with this key created, captured or voided, if it had that effect."""
        rows = self._store.all(
            "SELECT c.* FROM charges c JOIN idempotency_keys k ON k.charge_id = c.id"
            " WHERE k.key = ? AND (k.status < 300 OR c.idempotency_key = k.key)",
            key,
        )
        return [charge_body(row) for row in rows]

    def refunds_by_key(self, key: str) -> list[dict[str, object]]:
        rows = self._store.all("SELECT * FROM refunds WHERE idempotency_key = ?", key)
        return [refund_body(row) for row in rows]

    def charges_of_day(self, day: str, after: str, limit: int) -> list[dict[str, object]]:
        """List the charges made, captured or voided on a UTC day, in order of id, after the given one."""
        rows = self._store.all(
            "SELECT * FROM charges WHERE (day = ? OR settled_day = ?) AND id > ? ORDER BY id LIMIT ?",
            day,
            day,
            after,
            limit,
        )
        return [charge_body(row) for row in rows]

    def refunds_of_day(self, day: str, after: str, limit: int) -> list[dict[str, object]]:
        rows = self._store.all(
            "SELECT * FROM refunds WHERE day = ? AND id > ? ORDER BY id LIMIT ?", day, after, limit
        )
        return [refund_body(row) for row in rows]

    def refunds_of_charge(self, charge_id: str) -> list[dict[str, object]]:
        rows = self._store.all("SELECT * FROM refunds WHERE charge_id = ? ORDER BY id", charge_id)
        return [refund_body(row) for row in rows]

"""The provider's books: charges, refunds and the answers remembered per idempotency key.

An effect, its remembered answer and its webhook commit in one transaction, so none exists without the others.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulator.errors import SimulatorError, error_body
from simulator.rules import CHALLENGED, DECLINES, REFUSED_BY_CUSTOMER, webhook_delays
from simulator.shapes import charge_body, misstated, refund_body
from simulator.store import Store


@dataclass(frozen=True)
class Answer:
    """What the provider says to a key, the first time and every time after."""

    status: int
    body: dict[str, object]


@dataclass(frozen=True)
class NewCharge:
    """A request to reserve an amount, or to take it at once."""

    amount_minor: int
    currency: str
    payment_method: str
    metadata: Mapping[str, str]
    capture: bool
    return_url: str | None = None

    @property
    def status(self) -> str:
        """What becomes of it before the customer does anything."""
        if self.payment_method in DECLINES:
            return "declined"
        if self.payment_method in CHALLENGED:
            return "requires_action"
        return "captured" if self.capture else "authorized"


class Book:
    """Every write of the simulator."""

    def __init__(
        self,
        store: Store,
        *,
        public_url: str,
        late_webhook_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._public_url = public_url
        self._late = late_webhook_seconds
        self._clock = clock

    def claim(self, key: str, fingerprint: str) -> Answer | None:
        """Claim the key for one execution, or return the answer it already has.

        Raises:
            SimulatorError: the key carries other parameters (400), or is being executed right now (409).
        """
        with self._store.transaction() as connection:
            claimed = connection.execute(
                "INSERT INTO idempotency_keys (key, fingerprint, created_at) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (key, fingerprint, self._clock()),
            )
            if claimed.rowcount == 1:
                return None
            row = connection.execute(
                "SELECT fingerprint, status, body FROM idempotency_keys WHERE key = ?", (key,)
            ).fetchone()
        if row["fingerprint"] != fingerprint:
            message = "This Idempotency-Key was used with other parameters."
            raise SimulatorError(400, "idempotency_error", "idempotency_key_reused", message)
        if row["status"] is None:
            message = "A request with this Idempotency-Key is being executed."
            raise SimulatorError(409, "idempotency_error", "idempotency_key_in_use", message)
        return Answer(row["status"], json.loads(row["body"]))

    def release(self, key: str) -> None:
        """Forget a claim whose execution was refused before it had an effect."""
        with self._store.transaction() as connection:
            connection.execute(
                "DELETE FROM idempotency_keys WHERE key = ? AND status IS NULL", (key,)
            )

    def charge(self, key: str, new: NewCharge) -> Answer:
        """Reserve or take the amount, or decline it; a declined charge stays in the book."""
        decline = DECLINES.get(new.payment_method)
        charge_id = _new_id("ch")
        with self._store.transaction() as connection:
            charge = self._insert_charge(connection, charge_id, new, key)
            if decline:
                answer = Answer(402, error_body("card_error", decline, "The issuer declined."))
            else:
                answer = Answer(201, charge_body(charge))
            self._tell(connection, charge, f"charge.{new.status}", charge_body(charge))
            _remember(connection, key, answer, charge_id=charge_id)
        return answer

    def _insert_charge(
        self, connection: sqlite3.Connection, charge_id: str, new: NewCharge, key: str
    ) -> sqlite3.Row:
        now = self._clock()
        challenge = secrets.token_urlsafe(24) if new.status == "requires_action" else None
        connection.execute(
            "INSERT INTO charges (id, amount_minor, currency, payment_method, status, decline_code,"
            " captured_minor, metadata, idempotency_key, created_at, day, challenge, redirect_url,"
            " return_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                charge_id,
                new.amount_minor,
                new.currency,
                new.payment_method,
                new.status,
                DECLINES.get(new.payment_method),
                new.amount_minor if new.status == "captured" else 0,
                json.dumps(dict(new.metadata), sort_keys=True),
                key,
                now,
                _day(now),
                challenge,
                f"{self._public_url}/3ds/{challenge}" if challenge else None,
                new.return_url,
            ),
        )
        return self._charge_row(connection, charge_id)

    def decide(self, challenge: str, *, confirmed: bool) -> sqlite3.Row | None:
        """Record what the customer answered their bank, once; returns the charge, None when there is none."""
        with self._store.transaction() as connection:
            row: sqlite3.Row | None = connection.execute(
                "SELECT * FROM charges WHERE challenge = ?", (challenge,)
            ).fetchone()
            if row is None or row["status"] != "requires_action":
                return row
            status, code = ("authorized", None) if confirmed else ("declined", REFUSED_BY_CUSTOMER)
            connection.execute(
                "UPDATE charges SET status = ?, decline_code = ? WHERE id = ?",
                (status, code, row["id"]),
            )
            self._changed(connection, row["id"], f"charge.{status}")
            return self._charge_row(connection, row["id"])

    def capture(self, key: str, charge_id: str, amount_minor: int | None) -> Answer:
        """Take a reserved amount, once, never more than was reserved."""
        with self._store.transaction() as connection:
            charge = self._charge_row(connection, charge_id)
            amount = charge["amount_minor"] if amount_minor is None else amount_minor
            if charge["status"] != "authorized":
                answer = _refusal("charge_not_capturable", f"The charge is {charge['status']}.")
            elif amount > charge["amount_minor"]:
                answer = _refusal("amount_too_large", "The capture exceeds the authorised amount.")
            else:
                connection.execute(
                    "UPDATE charges SET status = 'captured', captured_minor = ?, settled_day = ?"
                    " WHERE id = ?",
                    (amount, _day(self._clock()), charge_id),
                )
                answer = self._changed(connection, charge_id, "charge.captured")
            _remember(connection, key, answer, charge_id=charge_id)
        return answer

    def void(self, key: str, charge_id: str) -> Answer:
        """Give a reserved amount back. Voiding what is voided or declined already succeeds again."""
        with self._store.transaction() as connection:
            charge = self._charge_row(connection, charge_id)
            if charge["status"] in {"voided", "declined"}:
                answer = Answer(200, charge_body(charge))
            elif charge["status"] not in {"authorized", "requires_action"}:
                answer = _refusal("charge_not_voidable", f"The charge is {charge['status']}.")
            else:
                connection.execute(
                    "UPDATE charges SET status = 'voided', settled_day = ? WHERE id = ?",
                    (_day(self._clock()), charge_id),
                )
                answer = self._changed(connection, charge_id, "charge.voided")
            _remember(connection, key, answer, charge_id=charge_id)
        return answer

    def refund(
        self, key: str, charge_id: str, amount_minor: int, metadata: Mapping[str, str]
    ) -> Answer:
        """Return a captured amount, in whole or in part, never more than is left."""
        refund_id: str | None = None
        with self._store.transaction() as connection:
            charge = self._charge_row(connection, charge_id)
            left = charge["captured_minor"] - charge["refunded_minor"]
            if charge["status"] != "captured":
                answer = _refusal("charge_not_refundable", f"The charge is {charge['status']}.")
            elif amount_minor > left:
                answer = _refusal(
                    "amount_too_large", "The refund exceeds what is left of the capture."
                )
            else:
                refund_id = _new_id("re")
                refund = self._insert_refund(
                    connection, refund_id, charge, amount_minor, metadata, key
                )
                answer = Answer(201, refund_body(refund))
                self._tell(connection, charge, "refund.succeeded", refund_body(refund))
            _remember(connection, key, answer, charge_id=charge_id, refund_id=refund_id)
        return answer

    def _insert_refund(
        self,
        connection: sqlite3.Connection,
        refund_id: str,
        charge: sqlite3.Row,
        amount_minor: int,
        metadata: Mapping[str, str],
        key: str,
    ) -> sqlite3.Row:
        now = self._clock()
        connection.execute(
            "UPDATE charges SET refunded_minor = refunded_minor + ? WHERE id = ?",
            (amount_minor, charge["id"]),
        )
        text = json.dumps(dict(metadata), sort_keys=True)
        row: sqlite3.Row = connection.execute(
            "INSERT INTO refunds (id, charge_id, amount_minor, currency, metadata, idempotency_key,"
            " created_at, day) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (refund_id, charge["id"], amount_minor, charge["currency"], text, key, now, _day(now)),
        ).fetchone()
        return row

    def _charge_row(self, connection: sqlite3.Connection, charge_id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = connection.execute(
            "SELECT * FROM charges WHERE id = ?", (charge_id,)
        ).fetchone()
        if row is None:
            raise SimulatorError(
                404, "invalid_request_error", "charge_not_found", "No such charge."
            )
        return row

    def _changed(self, connection: sqlite3.Connection, charge_id: str, event: str) -> Answer:
        charge = self._charge_row(connection, charge_id)
        self._tell(connection, charge, event, charge_body(charge))
        return Answer(200, charge_body(charge))

    def _tell(
        self,
        connection: sqlite3.Connection,
        charge: sqlite3.Row,
        event: str,
        body: dict[str, object],
    ) -> None:
        now = self._clock()
        event_id = _new_id("evt")
        if charge["payment_method"] == "tok_wrong_amount_webhook":
            body = misstated(body)
        text = json.dumps({"id": event_id, "type": event, "created": now, "data": {"object": body}})
        connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (event_id, event, text, now))
        connection.executemany(
            "INSERT INTO deliveries (event_id, due_at) VALUES (?, ?)",
            [
                (event_id, now + delay)
                for delay in webhook_delays(charge["payment_method"], event, self._late)
            ],
        )


def _remember(
    connection: sqlite3.Connection,
    key: str,
    answer: Answer,
    *,
    charge_id: str,
    refund_id: str | None = None,
) -> None:
    connection.execute(
        "UPDATE idempotency_keys SET status = ?, body = ?, charge_id = ?, refund_id = ? WHERE key = ?",
        (answer.status, json.dumps(answer.body), charge_id, refund_id, key),
    )


def _refusal(code: str, message: str) -> Answer:
    return Answer(400, error_body("invalid_request_error", code, message))


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))

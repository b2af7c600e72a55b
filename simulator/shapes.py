"""How the API shows a charge and a refund."""

import json
import sqlite3


def charge_body(row: sqlite3.Row) -> dict[str, object]:
    """Show a charge the way the API does."""
    plain = (
        "id",
        "amount_minor",
        "currency",
        "payment_method",
        "status",
        "decline_code",
        "captured_minor",
        "refunded_minor",
        "idempotency_key",
        "created_at",
        "redirect_url",
    )
    return {
        "object": "charge",
        **{name: row[name] for name in plain},
        "metadata": json.loads(row["metadata"]),
    }


def refund_body(row: sqlite3.Row) -> dict[str, object]:
    """Show a refund the way the API does."""
    plain = ("id", "charge_id", "amount_minor", "currency", "idempotency_key", "created_at")
    return {
        "object": "refund",
        "status": "succeeded",
        **{name: row[name] for name in plain},
        "metadata": json.loads(row["metadata"]),
    }


def misstated(body: dict[str, object]) -> dict[str, object]:
    """Return the body with its amounts one minor unit too high, as a provider's fault would show them."""
    names = ("amount_minor", "captured_minor")
    wrong = {name: value + 1 for name in names if isinstance(value := body.get(name), int)}
    return {**body, **wrong}

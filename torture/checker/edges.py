"""The checker's own copy of what an order may do. It is written from the documents, never imported from the code."""

from typing import Final

EDGES: Final = frozenset(
    {
        ("order", "confirmed", "cancelled"),
        ("order", "confirmed", "confirmed"),
        ("order", "confirmed", "failed"),
        ("order", "pending", "cancelled"),
        ("order", "pending", "confirmed"),
        ("order", "pending", "failed"),
        ("payment", "authorized", "captured"),
        ("payment", "authorized", "declined"),
        ("payment", "authorized", "voided"),
        ("payment", "captured", "partially_refunded"),
        ("payment", "captured", "refunded"),
        ("payment", "declined", "authorized"),
        ("payment", "declined", "captured"),
        ("payment", "partially_refunded", "partially_refunded"),
        ("payment", "partially_refunded", "refunded"),
        ("payment", "pending", "authorized"),
        ("payment", "pending", "declined"),
        ("payment", "pending", "requires_action"),
        ("payment", "pending", "unknown"),
        ("payment", "pending", "voided"),
        ("payment", "requires_action", "authorized"),
        ("payment", "requires_action", "declined"),
        ("payment", "requires_action", "unknown"),
        ("payment", "requires_action", "voided"),
        ("payment", "unknown", "authorized"),
        ("payment", "unknown", "declined"),
        ("payment", "unknown", "requires_action"),
        ("payment", "unknown", "voided"),
        ("payment", "voided", "authorized"),
        ("payment", "voided", "captured"),
        ("shipment", "partially_shipped", "partially_shipped"),
        ("shipment", "partially_shipped", "shipped"),
        ("shipment", "pending", "partially_shipped"),
        ("shipment", "pending", "shipped"),
    }
)
"""Every legal step; `docs` and code repeat the table, and a test of the checker compares them."""

FIRST: Final = "pending"
"""Where an order starts on each axis."""

CLOSED: Final = frozenset({"failed", "cancelled"})
TERMINAL: Final = CLOSED | {"confirmed"}

PAID: Final = frozenset({"captured", "partially_refunded", "refunded"})
"""What the payment of a confirmed order may be in the end."""

UNPAID: Final = frozenset({"declined", "voided", "refunded"})
"""What the payment of a closed order may be in the end: nothing is kept."""

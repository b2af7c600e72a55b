"""The three axes of an order's state and the one table of legal edges.

The database trigger (its newest migration) and `services/order/README.md` repeat the table; tests prove all three equal.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from services.order.errors import IllegalTransition


class Axis(StrEnum):
    """Which of the three independent states a change belongs to."""

    ORDER = "order"
    PAYMENT = "payment"
    SHIPMENT = "shipment"


class OrderStatus(StrEnum):
    """The promise to the customer."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PaymentStatus(StrEnum):
    """What payment has told us. `unknown` is a state, never read as success or failure."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DECLINED = "declined"
    VOIDED = "voided"


class ShipmentStatus(StrEnum):
    """Where the goods are. `shipped`: no piece is left to ship, and at least one was."""

    PENDING = "pending"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"


Edge = tuple[str, str]

_O, _P, _S = OrderStatus, PaymentStatus, ShipmentStatus

EDGES: Final[dict[Axis, frozenset[Edge]]] = {
    Axis.ORDER: frozenset(
        {
            (_O.PENDING, _O.CONFIRMED),
            (_O.PENDING, _O.FAILED),
            (_O.PENDING, _O.CANCELLED),
            (_O.CONFIRMED, _O.CANCELLED),
            # The provider may refuse the capture of what it had authorised.
            (_O.CONFIRMED, _O.FAILED),
            # Some pieces were cancelled, returned or refunded: worth a timeline row though the word stays the same.
            (_O.CONFIRMED, _O.CONFIRMED),
        }
    ),
    Axis.PAYMENT: frozenset(
        {
            (_P.PENDING, _P.REQUIRES_ACTION),
            (_P.PENDING, _P.UNKNOWN),
            (_P.PENDING, _P.AUTHORIZED),
            (_P.PENDING, _P.DECLINED),
            (_P.PENDING, _P.VOIDED),
            # The customer confirms the payment with their bank (3-D Secure), or does not.
            (_P.REQUIRES_ACTION, _P.AUTHORIZED),
            (_P.REQUIRES_ACTION, _P.DECLINED),
            (_P.REQUIRES_ACTION, _P.UNKNOWN),
            (_P.REQUIRES_ACTION, _P.VOIDED),
            (_P.UNKNOWN, _P.REQUIRES_ACTION),
            (_P.UNKNOWN, _P.AUTHORIZED),
            (_P.UNKNOWN, _P.DECLINED),
            (_P.UNKNOWN, _P.VOIDED),
            (_P.AUTHORIZED, _P.CAPTURED),
            (_P.AUTHORIZED, _P.DECLINED),
            (_P.AUTHORIZED, _P.VOIDED),
            (_P.CAPTURED, _P.PARTIALLY_REFUNDED),
            (_P.CAPTURED, _P.REFUNDED),
            # So is a second partial refund, and below a further parcel.
            (_P.PARTIALLY_REFUNDED, _P.PARTIALLY_REFUNDED),
            (_P.PARTIALLY_REFUNDED, _P.REFUNDED),
            # A payment that succeeds after it was given up: its order is closed, so it is voided or refunded.
            (_P.DECLINED, _P.AUTHORIZED),
            (_P.DECLINED, _P.CAPTURED),
            (_P.VOIDED, _P.AUTHORIZED),
            (_P.VOIDED, _P.CAPTURED),
        }
    ),
    Axis.SHIPMENT: frozenset(
        {
            (_S.PENDING, _S.PARTIALLY_SHIPPED),
            (_S.PENDING, _S.SHIPPED),
            (_S.PARTIALLY_SHIPPED, _S.PARTIALLY_SHIPPED),
            # The last pieces left, or were cancelled.
            (_S.PARTIALLY_SHIPPED, _S.SHIPPED),
        }
    ),
}
"""Every legal change of every axis. Staying where one is needs no edge, unless it is listed."""

LIVE: Final = frozenset({OrderStatus.PENDING, OrderStatus.CONFIRMED})
"""Orders that claim their cart version, their stock and their money."""


def require_edge(axis: Axis, before: str, after: str) -> None:
    """Refuse a change that is not in the table.

    Raises:
        IllegalTransition: the edge is not legal.
    """
    if (before, after) not in EDGES[axis]:
        raise IllegalTransition(f"{axis} cannot go from {before} to {after}")


def all_edges() -> Iterator[tuple[str, str, str]]:
    """Yield every legal (axis, from, to), sorted, for the documents and tests that repeat the table."""
    for axis in Axis:
        for before, after in sorted(EDGES[axis]):
            yield str(axis), str(before), str(after)

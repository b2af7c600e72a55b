"""A small run in which everything is right: one order sold, one cancelled, one partly refunded."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from torture.checker.records import (
    Charge,
    Entry,
    Evidence,
    Message,
    Operation,
    Order,
    OrderLine,
    Outcome,
    Payment,
    ProviderRefund,
    Received,
    Refund,
    Reserved,
    Step,
    Stock,
)

T = TypeVar("T")

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)

_WAYS = {
    "sold": [("order", None, "pending"), ("payment", "pending", "authorized"),
             ("order", "pending", "confirmed"), ("payment", "authorized", "captured")],
    "gone": [("order", None, "pending"), ("order", "pending", "cancelled"),
             ("payment", "pending", "voided")],
    "part": [("order", None, "pending"), ("payment", "pending", "unknown"),
             ("payment", "unknown", "authorized"), ("order", "pending", "confirmed"),
             ("payment", "authorized", "captured"),
             ("payment", "captured", "partially_refunded")],
}  # fmt: skip


def operation(
    f: str,
    outcome: Outcome = "ok",
    *,
    at: float = 0.0,
    process: str = "customer",
    answer: dict[str, Any] | None = None,
    **value: Any,
) -> Operation:
    return Operation(process, f, {"user_id": "usr", **value}, outcome, answer or {}, at, at + 1)


def placed(order_id: str, **more: Any) -> Operation:
    answer = {"order_id": order_id, "version": 1}
    where = {"key": f"key-{order_id}", "cart_id": f"crt-{order_id}", "cart_version": 2}
    return operation("place", answer=answer, **{**where, **more})


def changed(rows: list[T], index: int, **changes: Any) -> list[T]:
    """Copy the rows with one of them changed."""
    copied = list(rows)
    row: Any = copied[index]
    copied[index] = replace(row, **changes)
    return copied


def sound() -> Evidence:
    """Build evidence that breaks no rule."""
    return Evidence(
        history=[
            *(placed(order_id) for order_id in _WAYS),
            operation("place", "fail", answer={"code": "out_of_stock"}, key="key-refused",
                      cart_id="crt-refused", cart_version=3),
            operation("place", "info", key="key-lost", cart_id="crt-lost", cart_version=4),
            operation("cancel", at=2, answer={"order_id": "gone", "version": 2}, order_id="gone",
                      key="key-cancel"),
            operation("read", at=5, answer=_shown("gone", 3, "cancelled", "voided"), order_id="gone"),
            operation("refund", at=6, answer={"order_id": "part", "refund_id": "rfd"},
                      order_id="part", key="key-refund", tag='"5"'),
            operation("refund", "fail", at=6, answer={"code": "precondition_failed"},
                      order_id="part", key="key-refund-2", tag='"5"'),
            operation("restock", sku="MUG", quantity=10, key="key-restock"),
            operation("place", "fail", at=20, answer={"code": "out_of_stock"}, key="key-last",
                      cart_id="crt-last", cart_version=1, sell_out="CUP", quantity=1, available=0),
        ],
        orders=[
            _order("sold", "confirmed", "captured", captured_minor=900),
            _order("gone", "cancelled", "voided"),
            _order("part", "confirmed", "partially_refunded", captured_minor=900, refunded_minor=100),
        ],
        lines=[OrderLine("sold", "MUG", 2), OrderLine("gone", "MUG", 1), OrderLine("part", "CUP", 1)],
        steps=[
            Step(order_id, number, axis, before, after, f"{order_id}-{number}" if before else None,
                 NOON + timedelta(seconds=number))
            for order_id, way in _WAYS.items()
            for number, (axis, before, after) in enumerate(way, start=1)
        ],
        refunds=[Refund("rfd", "part", 100, "succeeded")],
        payments=[
            Payment("pay-1", "sold", "captured", "USD", 900, 0),
            Payment("pay-2", "gone", "voided", None, 0, 0),
            Payment("pay-3", "part", "partially_refunded", "USD", 900, 100),
        ],
        entries=[
            *_booked("sold", "capture", "sales", 900),
            *_booked("part", "capture", "sales", 900),
            *_booked("part", "refund:rfd", "refunds", -100),
        ],
        charges=[
            Charge("ch-1", "sold", "captured", "USD", 900, 900, 0),
            Charge("ch-2", "gone", "voided", "USD", 900, 0, 0),
            Charge("ch-3", "part", "captured", "USD", 900, 900, 100),
        ],
        provider_refunds=[ProviderRefund("re-1", "ch-3", "rfd", 100)],
        stock=[Stock("MUG", 10, 8, 0, 2, 10), Stock("CUP", 1, 0, 0, 1, 1)],
        reserved=[
            Reserved("sold", "committed", "MUG", 2),
            Reserved("gone", "released", "MUG", 1),
            Reserved("part", "committed", "CUP", 1),
        ],
        messages=_messages(),
        received=[
            Received(reader, message.id, message.type, "done")
            for message in _messages()
            for reader in message.readers
        ],
        dead_letters={"meridian-order-inbox-dead": 0},
    )  # fmt: skip


def _shown(order_id: str, version: int, status: str, payment: str) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "version": version,
        "status": status,
        "payment_status": payment,
        "shipment_status": "pending",
    }


def _order(
    order_id: str, status: str, payment: str, captured_minor: int = 0, refunded_minor: int = 0
) -> Order:
    return Order(
        id=order_id,
        user_id="usr",
        cart_id=f"crt-{order_id}",
        cart_version=2,
        order_status=status,
        payment_status=payment,
        shipment_status="pending",
        currency="USD",
        last_sequence=len(_WAYS[order_id]),
        total_minor=900,
        captured_minor=captured_minor,
        refunded_minor=refunded_minor,
    )


def _booked(order_id: str, purpose: str, account: str, amount: int) -> list[Entry]:
    transaction = f"led-{order_id}-{purpose}"
    sides = ("debit", "credit") if amount > 0 else ("credit", "debit")
    return [
        Entry(transaction, order_id, purpose, name, side, abs(amount), "USD")
        for name, side in zip(("provider_clearing", account), sides, strict=True)
    ]


def _messages() -> list[Message]:
    told = {"pending": "placed", "confirmed": "confirmed", "cancelled": "cancelled"}
    found = [
        Message(f"{order_id}-{after}", "order", f"order.{told[after]}.v1", order_id, order_id, None,
                NOON, published=True, readers=("cart",) if after == "pending" else ())
        for order_id, way in _WAYS.items()
        for axis, _, after in way
        if axis == "order"
    ]  # fmt: skip
    found += [
        Message(f"{order_id}-committed", "product", "stock.committed.v1", order_id, order_id,
                f"{order_id}-commit", NOON + timedelta(seconds=1), published=True,
                readers=("order",))
        for order_id in ("sold", "part")
    ]  # fmt: skip
    return found

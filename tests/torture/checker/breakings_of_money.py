"""What may go wrong with money and stock."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.torture.checker.sound import changed, operation
from torture.checker.records import (
    Charge,
    Entry,
    Evidence,
    ProviderRefund,
    Reserved,
)

Breaking = Callable[[Evidence], Evidence]

MONEY_AND_STOCK: Final[dict[str, tuple[str, Breaking]]] = {
    "an order was charged twice": (
        "charged_twice",
        lambda e: replace(
            e, charges=[*e.charges, Charge("ch-9", "sold", "authorized", "USD", 900, 0, 0)]
        ),
    ),
    "a charge has no order": (
        "charge_without_order",
        lambda e: replace(e, charges=changed(e.charges, 1, order_id="nobody")),
    ),
    "a confirmed order was never charged": (
        "sold_unpaid",
        lambda e: replace(e, charges=e.charges[1:]),
    ),
    "another amount than the total was taken": (
        "wrong_amount",
        lambda e: replace(e, charges=changed(e.charges, 0, captured_minor=800)),
    ),
    "more went back than the order knows": (
        "refund_differs",
        lambda e: replace(e, charges=changed(e.charges, 2, refunded_minor=200)),
    ),
    "a closed order still reserves money": (
        "money_still_reserved",
        lambda e: replace(e, charges=changed(e.charges, 1, status="authorized")),
    ),
    "a closed order's payment can still be confirmed at the bank": (
        "money_still_reserved",
        lambda e: replace(e, charges=changed(e.charges, 1, status="requires_action")),
    ),
    "a closed order keeps money": (
        "money_kept",
        lambda e: replace(e, charges=changed(e.charges, 1, status="captured", captured_minor=900)),
    ),
    "a refund was made twice": (
        "refund_count",
        lambda e: replace(e, provider_refunds=e.provider_refunds * 2),
    ),
    "a refund was never made": ("refund_count", lambda e: replace(e, provider_refunds=[])),
    "a refund has another amount": (
        "refund_amount",
        lambda e: replace(e, provider_refunds=changed(e.provider_refunds, 0, amount_minor=1)),
    ),
    "a refund stayed open": (
        "refund_unanswered",
        lambda e: replace(e, refunds=changed(e.refunds, 0, status="requested")),
    ),
    "the provider refunded unasked": (
        "refund_unknown",
        lambda e: replace(
            e, provider_refunds=[*e.provider_refunds, ProviderRefund("re-2", "ch-1", "rfd-9", 5)]
        ),
    ),
    "payment believes something else than the provider": (
        "payment_differs",
        lambda e: replace(e, payments=changed(e.payments, 0, captured_minor=0)),
    ),
    "a ledger transaction does not balance": (
        "ledger_unbalanced",
        lambda e: replace(e, entries=changed(e.entries, 1, amount_minor=899)),
    ),
    "a capture was booked twice": (
        "ledger_differs",
        lambda e: replace(
            e,
            entries=[
                *e.entries,
                Entry("led-x", "sold", "again", "provider_clearing", "debit", 900, "USD"),
                Entry("led-x", "sold", "again", "sales", "credit", 900, "USD"),
            ],
        ),
    ),
    "a capture was not booked": (
        "ledger_differs",
        lambda e: replace(e, entries=e.entries[2:]),
    ),
    "a piece vanished": (
        "stock_not_conserved",
        lambda e: replace(e, stock=changed(e.stock, 0, available=7)),
    ),
    "there are fewer than no pieces": (
        "stock_negative",
        lambda e: replace(e, stock=changed(e.stock, 1, available=-1, sold=2)),
    ),
    "more was received than staff booked in": (
        "stock_differs_from_ledger",
        lambda e: replace(e, stock=changed(e.stock, 0, received=20, available=18)),
    ),
    "more was sold than orders have": (
        "sold_differs",
        lambda e: replace(e, stock=changed(e.stock, 0, available=7, sold=3)),
    ),
    "a return was counted by the reservation alone": (
        "sold_differs",
        lambda e: replace(e, reserved=changed(e.reserved, 0, returned=1)),
    ),
    "orders have more pieces than there ever were": (
        "oversold",
        lambda e: replace(e, lines=changed(e.lines, 2, quantity=2)),
    ),
    "a piece stays held": (
        "stock_held",
        lambda e: replace(e, stock=changed(e.stock, 0, available=7, held=1)),
    ),
    "a closed order keeps its pieces": (
        "stock_kept",
        lambda e: replace(e, reserved=[*e.reserved, Reserved("gone", "committed", "MUG", 1)]),
    ),
    "a piece on the shelf was refused": (
        "undersold",
        lambda e: replace(
            e,
            history=[
                *e.history,
                operation(
                    "place",
                    "fail",
                    answer={"code": "out_of_stock"},
                    sell_out="MUG",
                    quantity=1,
                    available=8,
                ),
            ],
        ),
    ),
}

"""Rules about money: the provider's book is the truth, and the shop's orders, payments and ledger agree with it."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from torture.checker.edges import CLOSED
from torture.checker.records import Charge, Entry, Evidence, Order, Violation

CLEARING = "provider_clearing"

_OPEN = frozenset({"authorized", "requires_action"})
"""Charges that hold money, or would as soon as the customer's bank says yes."""


def one_charge_per_order(evidence: Evidence) -> Iterator[Violation]:
    """A customer is charged once, and only for an order that exists."""
    known = {order.id for order in evidence.orders}
    for order_id, charges in sorted(evidence.charges_of().items()):
        taken = [charge for charge in charges if charge.status != "declined"]
        if len(taken) > 1:
            ids = ", ".join(sorted(charge.id for charge in taken))
            yield Violation("charged_twice", f"{order_id} was charged {len(taken)} times: {ids}.")
        if taken and order_id not in known:
            yield Violation("charge_without_order", f"{taken[0].id} is for {order_id}: no order.")


def charges_fit_their_orders(evidence: Evidence) -> Iterator[Violation]:
    """Captured exactly when confirmed, for exactly the total; nothing is kept for a closed order."""
    charges = evidence.charges_of()
    for order in evidence.orders:
        taken = [one for one in charges.get(order.id, []) if one.status != "declined"]
        if order.order_status == "confirmed":
            yield from _confirmed(order, taken)
        elif order.order_status in CLOSED:
            yield from _closed(order, taken)


def _confirmed(order: Order, charges: list[Charge]) -> Iterator[Violation]:
    captured = [charge for charge in charges if charge.status == "captured"]
    if not captured:
        yield Violation("sold_unpaid", f"{order.id} is confirmed and the provider took no money.")
    for charge in captured:
        figures = (charge.amount_minor, charge.captured_minor, charge.currency)
        if figures != (order.total_minor, order.total_minor, order.currency):
            yield Violation(
                "wrong_amount",
                f"{order.id} costs {order.total_minor} {order.currency}; {charge.id} took "
                f"{charge.captured_minor} of {charge.amount_minor} {charge.currency}.",
            )
        if charge.refunded_minor != order.refunded_minor:
            yield Violation(
                "refund_differs",
                f"{order.id} says {order.refunded_minor} went back and {charge.id} says "
                f"{charge.refunded_minor}.",
            )


def _closed(order: Order, charges: list[Charge]) -> Iterator[Violation]:
    for charge in charges:
        if charge.status in _OPEN:
            yield Violation(
                "money_still_reserved",
                f"{order.id} is {order.order_status} and {charge.id} still reserves "
                f"{charge.amount_minor} {charge.currency}.",
            )
        elif charge.captured_minor != charge.refunded_minor:
            yield Violation(
                "money_kept",
                f"{order.id} is {order.order_status} and {charge.id} keeps "
                f"{charge.captured_minor - charge.refunded_minor} {charge.currency}.",
            )


def refunds_happened_once(evidence: Evidence) -> Iterator[Violation]:
    """Each refund the shop asked for and calls done is in the provider's book once, at its amount; no other is."""
    book = defaultdict(list)
    for one in evidence.provider_refunds:
        book[one.refund_id].append(one)
    for refund in evidence.refunds:
        found = book.pop(refund.id, [])
        wanted = 1 if refund.status == "succeeded" else 0
        if len(found) != wanted:
            yield Violation(
                "refund_count",
                f"{refund.id} of {refund.order_id} is {refund.status} and the provider made it "
                f"{len(found)} times.",
            )
        for one in found:
            if one.amount_minor != refund.amount_minor:
                yield Violation(
                    "refund_amount",
                    f"{refund.id} is over {refund.amount_minor} and {one.id} paid {one.amount_minor}.",
                )
        if refund.status == "requested":
            yield Violation("refund_unanswered", f"{refund.id} of {refund.order_id} stayed open.")
    for refund_id, found in sorted(book.items()):
        yield Violation(
            "refund_unknown", f"the provider refunded {refund_id or found[0].id}: unasked."
        )


def payments_fit_the_book(evidence: Evidence) -> Iterator[Violation]:
    """The payment service believes what the provider knows."""
    charges = evidence.charges_of()
    for payment in evidence.payments:
        taken = [one for one in charges.get(payment.order_id, []) if one.status != "declined"]
        figures = (
            sum(charge.captured_minor for charge in taken),
            sum(charge.refunded_minor for charge in taken),
        )
        if figures != (payment.captured_minor, payment.refunded_minor):
            yield Violation(
                "payment_differs",
                f"{payment.id} of {payment.order_id} believes captured {payment.captured_minor}, "
                f"refunded {payment.refunded_minor}; the provider knows {figures[0]}, {figures[1]}.",
            )


def ledger_balances(evidence: Evidence) -> Iterator[Violation]:
    """Debits equal credits per transaction and over all, and nothing is booked twice."""
    sums: Counter[tuple[str, str]] = Counter()
    for entry in evidence.entries:
        sums[entry.transaction_id, entry.currency] += _signed(entry)
        sums["all", entry.currency] += _signed(entry)
    for (transaction, currency), total in sorted(sums.items()):
        if total:
            yield Violation(
                "ledger_unbalanced",
                f"ledger transaction {transaction} is off by {total} {currency}.",
            )


def ledger_fits_the_book(evidence: Evidence) -> Iterator[Violation]:
    """Per order, clearing holds what the provider holds: captured less refunded."""
    clearing: Counter[tuple[str, str]] = Counter()
    for entry in evidence.entries:
        if entry.account == CLEARING:
            clearing[entry.order_id, entry.currency] += _signed(entry)
    held: Counter[tuple[str, str]] = Counter()
    for charge in evidence.charges:
        held[charge.order_id, charge.currency] += charge.captured_minor - charge.refunded_minor
    for key in sorted(clearing.keys() | held.keys()):
        if clearing[key] != held[key]:
            yield Violation(
                "ledger_differs",
                f"the ledger holds {clearing[key]} {key[1]} for {key[0]} and the provider {held[key]}.",
            )


def _signed(entry: Entry) -> int:
    return entry.amount_minor if entry.side == "debit" else -entry.amount_minor

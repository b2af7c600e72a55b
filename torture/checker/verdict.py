"""All rules over all evidence."""

from collections.abc import Callable, Iterator
from typing import Final

from torture.checker import messages, money, orders, sessions, stock
from torture.checker.records import Evidence, Violation

Rule = Callable[[Evidence], Iterator[Violation]]

RULES: Final[tuple[Rule, ...]] = (
    orders.acknowledged_orders_exist,
    orders.keys_make_one_order,
    orders.refused_keys_made_nothing,
    orders.keys_make_at_most_one,
    orders.one_live_order_per_cart,
    orders.orders_are_settled,
    orders.orders_settle_in_time,
    orders.timelines_are_legal,
    orders.confirmed_after_stock_was_sold,
    money.one_charge_per_order,
    money.charges_fit_their_orders,
    money.refunds_happened_once,
    money.payments_fit_the_book,
    money.ledger_balances,
    money.ledger_fits_the_book,
    stock.pieces_are_conserved,
    stock.sold_pieces_have_orders,
    stock.nothing_stays_held,
    stock.scarce_stock_sells_out,
    stock.deliveries_count_once,
    messages.outboxes_are_empty,
    messages.everybody_received,
    messages.nothing_was_given_up,
    messages.messages_are_applied_once,
    messages.changes_are_told,
    sessions.versions_only_grow,
    sessions.one_version_is_one_state,
    sessions.no_update_was_lost,
)


def judge(evidence: Evidence) -> list[Violation]:
    """Return every violation of every rule; an empty list is the verdict "right"."""
    late = [Violation("not_quiet_in_time", sentence) for sentence in evidence.unquiet]
    return late + [violation for rule in RULES for violation in rule(evidence)]

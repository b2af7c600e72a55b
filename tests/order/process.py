"""One order against payment and product that answer late, twice, out of order or not at all, and against its own crashes.

What an order is, is left to an `OrderUnderTest`: pure functions in memory, or the service on PostgreSQL.
"""

import random
from collections import Counter
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from services.order.domain.goods import Pieces, Restock
from services.order.domain.saga import TAKEN, Ask, debts, is_settled
from services.order.domain.states import OrderStatus, ShipmentStatus
from tests.order.baskets import BASKETS, PIECES, Basket, OrderUnderTest
from tests.order.ending import check_the_end
from tests.order.world import News, Payment, Sent, Stock

TO_STOCK = {Ask.COMMIT_STOCK, Ask.RELEASE_STOCK, Ask.RETURN_STOCK}
SETTLING_ROUNDS = 40


class Checkout(RuleBasedStateMachine):
    """Subclasses say what an order is (`place`) and give it as `order`."""

    def place(self, basket: Basket) -> tuple[OrderUnderTest, Basket]:
        """Place an order; the basket that comes back is what was really ordered."""
        raise NotImplementedError

    @initialize(basket=BASKETS, start=st.sampled_from(["placed", "paid", "shipping"]))
    def placed(self, basket: Basket, start: str) -> None:
        self.order, self.basket = self.place(basket)
        self.payment = Payment(self.basket.total, self.basket.currency)
        self.stock = Stock(self.basket.pieces)
        self.to_payment: list[Sent] = []
        self.to_stock: list[Sent] = []
        self.news: list[News] = []
        self.heard: list[News] = []
        self.shuffle = random.Random(7)  # noqa: S311 - an order of messages, not a secret
        self._collect()
        # Most orders begin where their pieces can move.
        while start != "placed" and (self.to_payment or self.to_stock or self.news):
            self._drain_once()
        if start == "shipping":
            assert self.order.ship([Pieces("MUG", 1)])

    def _collect(self) -> None:
        for sent in self.order.sent():
            (self.to_stock if sent.ask in TO_STOCK else self.to_payment).append(sent)

    def _hear(self, index: int) -> None:
        news = self.news.pop(index % len(self.news))
        if self.order.hear(news, again=False):
            self.heard.append(news)
        else:
            self.news.append(news)  # parked
        self._collect()

    def _payment_works(self, outcome: str, *, refused: bool) -> None:
        self.news += self.payment.handle(self.to_payment.pop(0), outcome, refused=refused)

    def _stock_works(self, *, sold_out: bool) -> None:
        sent = self.to_stock.pop(0)
        told = self.stock.handle(sent, sold_out=sold_out)
        self.news += told or []
        if told is None and self.to_stock:
            self.to_stock.append(sent)  # parked until the commit that overtakes it

    @precondition(lambda self: self.to_payment)
    @rule(
        outcome=st.sampled_from(
            ["authorized", "authorized", "authorized", "declined", "unknown", "requires_action"]
        ),
        refused=st.sampled_from([False, False, True]),
    )
    def payment_works(self, outcome: str, refused: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self._payment_works(outcome, refused=refused)

    @precondition(lambda self: self.to_stock)
    @rule(sold_out=st.booleans())
    def product_works(self, sold_out: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self._stock_works(sold_out=sold_out)

    @precondition(lambda self: self.payment.state in {"unknown", "requires_action"})
    @rule(outcome=st.sampled_from(["authorized", "authorized", "declined", "unknown"]))
    def the_provider_or_the_customer_decides(self, outcome: str) -> None:
        self.news += self.payment.resolve(outcome)

    @precondition(lambda self: self.payment.state == "declined" and not self.order.saga().is_live)
    @rule()
    def a_declined_payment_succeeds_after_all(self) -> None:
        self.news += self.payment.become("authorized")

    @precondition(lambda self: self.stock.state == "held")
    @rule()
    def the_hold_runs_out(self) -> None:
        self.stock.state = "expired"

    @precondition(lambda self: self.news)
    @rule(index=st.integers(0, 50))
    def order_hears(self, index: int) -> None:
        self._hear(index)

    @precondition(lambda self: self.heard)
    @rule(index=st.integers(0, 50))
    def order_hears_again(self, index: int) -> None:
        before = self.order.saga()
        assert self.order.hear(self.heard[index % len(self.heard)], again=True)
        assert self.order.saga() == before
        assert self.order.sent() == []

    @precondition(lambda self: self.news)
    @rule(index=st.integers(0, 50))
    def order_crashes_while_it_hears(self, index: int) -> None:
        before = self.order.saga()
        self.order.crash(self.news[index % len(self.news)])
        assert self.order.saga() == before
        assert self.order.sent() == []

    @precondition(lambda self: self.to_payment or self.to_stock)
    @rule(index=st.integers(0, 50))
    def a_command_is_lost(self, index: int) -> None:
        queue = self.to_payment or self.to_stock
        queue.pop(index % len(queue))

    @precondition(lambda self: self.news)
    @rule()
    def news_are_lost(self) -> None:
        self.news.pop()

    @rule(too_old=st.sampled_from([False, False, False, True]))
    def the_sweeper_passes(self, too_old: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self.order.sweep(too_old=too_old)
        self._collect()

    @rule(seldom=st.sampled_from([*[False] * 7, True]))
    def the_customer_cancels(self, seldom: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        if not seldom:
            return
        before = self.order.saga()
        if self.order.cancel():
            assert self.order.saga().order == OrderStatus.CANCELLED
        else:
            assert before.order == OrderStatus.FAILED or before.shipment != ShipmentStatus.PENDING
        self._collect()

    @rule(pieces=PIECES)
    def the_customer_cancels_lines(self, pieces: tuple[Pieces, ...]) -> None:
        before = self.order.goods()
        if self.order.cancel_lines(pieces):
            assert _fits(pieces, {line.sold.sku: line.open for line in before.lines})
        self._collect()

    @rule(pieces=st.one_of(st.none(), PIECES))
    def staff_ship(self, pieces: tuple[Pieces, ...] | None) -> None:
        before = self.order.goods()
        if self.order.ship(pieces):
            assert self.payment.captured == self.basket.total
            assert self.stock.state == "committed"
            assert _fits(pieces or (), {line.sold.sku: line.open for line in before.lines})

    @rule(pieces=PIECES, restock=st.booleans())
    def goods_come_back(self, pieces: tuple[Pieces, ...], restock: bool) -> None:  # noqa: FBT001 - as above
        before = self.order.goods()
        if self.order.take_back(pieces, restock=restock):
            assert _fits(pieces, {line.sold.sku: line.returnable for line in before.lines})
        self._collect()

    @rule(pieces=PIECES)
    def staff_refund_lines(self, pieces: tuple[Pieces, ...]) -> None:
        before = self.order.goods()
        if self.order.refund_lines(pieces):
            assert _fits(pieces, {line.sold.sku: line.charged for line in before.lines})
        self._collect()

    @rule(amount=st.sampled_from([1, 2, 7, 30, 100_000, None]))
    def staff_refund(self, amount: int | None) -> None:
        left = self.order.saga().left_minor
        if self.order.refund(amount):
            assert 0 < (amount or left) <= left
        self._collect()

    @invariant()
    def money_stays_within_its_bounds(self) -> None:
        saga = self.order.saga()
        assert 0 <= saga.refunded_minor <= saga.captured_minor <= self.basket.total
        assert saga.requested_minor + saga.refunded_minor <= saga.captured_minor
        assert saga.captured_minor <= self.payment.captured
        assert self.payment.refunded <= self.payment.captured
        assert saga.left_minor >= 0

    @invariant()
    def every_piece_is_in_one_place(self) -> None:
        for line in self.order.goods().lines:
            assert line.sold.quantity == line.open + line.cancelled + line.shipped
            assert line.open >= 0
            assert 0 <= line.returned <= line.shipped
            assert line.cancelled <= line.refunded <= line.sold.quantity
            assert 0 <= line.charged <= line.shipped

    @invariant()
    def what_is_paid_back_for_a_line_adds_up_to_its_price(self) -> None:
        amounts: Counter[str] = Counter()
        for adjustment in self.order.saga().adjustments:
            for adjusted in adjustment.lines:
                amounts[adjusted.sku] += adjusted.amount_minor
        for line in self.order.goods().lines:
            paid = line.sold.paid.amount_minor
            assert amounts[line.sold.sku] <= paid
            if line.refunded == line.sold.quantity:
                assert amounts[line.sold.sku] == paid

    @invariant()
    def pieces_go_back_to_stock_once(self) -> None:
        saga = self.order.saga()
        given = Counter[str]()
        for adjustment in saga.adjustments:
            if adjustment.restock != Restock.NONE:
                given.update({one.sku: one.quantity for one in adjustment.lines})
        for sku, quantity in self.basket.pieces.items():
            assert self.stock.back[sku] <= (given[sku] if saga.is_live else quantity)
        if saga.is_live:
            assert self.stock.state != "released"

    @invariant()
    def nothing_is_captured_or_shipped_before_it_is_confirmed(self) -> None:
        saga = self.order.saga()
        if saga.order == OrderStatus.PENDING:
            assert self.payment.captured == 0
        if saga.shipment != ShipmentStatus.PENDING:
            assert saga.order == OrderStatus.CONFIRMED
            assert saga.payment in TAKEN

    @invariant()
    def what_has_to_go_back_is_asked_back(self) -> None:
        """A closed order keeps no money and an adjustment is paid, unless a refund was refused a moment ago."""
        saga = self.order.saga()
        assert all(debt.refused for debt in debts(saga))
        if not saga.is_live and saga.captured_minor:
            assert saga.refunds

    @override
    def teardown(self) -> None:
        """Once everybody works again, every order comes to an end in which nobody is owed anything."""
        if not hasattr(self, "order"):
            return
        for round_number in range(SETTLING_ROUNDS):
            self.order.sweep(too_old=round_number > 2)
            self._collect()
            if self.payment.state in {"unknown", "requires_action"}:
                self.news += self.payment.resolve("authorized")
            elif round_number == 0:
                # An unasked event has nobody to repeat it but `republish`.
                self.news += self.payment.become(self.payment.state)
            while self.to_payment or self.to_stock or self.news:
                self._drain_once()
            if is_settled(self.order.saga()):
                break
        check_the_end(self.order.saga(), self.payment, self.stock)

    def _drain_once(self) -> None:
        if self.to_payment:
            self._payment_works("authorized", refused=False)
        if self.to_stock:
            self._stock_works(sold_out=True)
        parked = 0
        while len(self.news) > parked:
            before = len(self.news)
            self._hear(self.shuffle.randrange(before))
            parked = parked + 1 if len(self.news) == before else 0
        if parked and not self.to_payment and not self.to_stock:
            self.news.clear()  # still too early after all else: the sweeper asks again


def _fits(pieces: Sequence[Pieces], available: dict[str, int]) -> bool:
    return all(one.quantity <= available[one.sku] for one in pieces)

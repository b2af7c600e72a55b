"""An order against models of payment and product that answer late, twice, out of order or not at all."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from typing_extensions import override

from libs.money import Money
from services.order.domain import events
from services.order.domain.goods import Goods, Sold
from services.order.domain.requests import cancel, expire, pay_debts, request_refund, ship
from services.order.domain.saga import (
    Ask,
    Outstanding,
    Saga,
    changes,
    is_settled,
    outstanding,
)
from services.order.domain.states import EDGES, OrderStatus, PaymentStatus, ShipmentStatus
from services.order.errors import (
    NotCancellable,
    NotRefundable,
    NotShippable,
    PrecedesItsState,
    RefundTooLarge,
)

TOTAL = Money(10_000, "USD")
GOODS = Goods.of([Sold("MUG", 2, TOTAL)], (), ())
News = Callable[[Saga], Saga]


@dataclass
class Payment:
    """Payment as order knows it: idempotent by order and refund, every message with a version of its own."""

    state: str = "none"
    void_requested: bool = False
    captured: int = 0
    refunds: dict[str, bool] = field(default_factory=dict)
    refunded: int = 0
    version: int = 0

    def _told(self, state: str) -> News | None:
        self.version += 1
        version = self.version
        match state:
            case "authorized":
                return lambda saga: events.payment_authorized(saga, TOTAL, version)
            case "declined":
                return lambda saga: events.payment_declined(saga, version)
            case "unknown":
                return lambda saga: events.payment_unknown(saga, version)
            case "captured":
                return lambda saga: events.payment_captured(saga, TOTAL, version)
            case "voided":
                return lambda saga: events.payment_voided(saga, version)
        return None

    def become(self, state: str) -> list[News]:
        self.state = state
        told = self._told(state)
        return [told] if told else []

    def authorize(self, outcome: str) -> list[News]:
        if self.state != "none":
            return self.become(self.state)
        return self.become(outcome)

    def resolve(self, outcome: str) -> list[News]:
        if self.void_requested:
            return self.become("voided")
        return self.become(outcome)

    def capture(self, *, refused: bool) -> list[News]:
        if self.state != "authorized":
            return self.become(self.state)
        self.captured = 0 if refused else TOTAL.amount_minor
        return self.become("declined" if refused else "captured")

    def void(self) -> list[News]:
        if self.state in {"none", "authorized", "declined"}:
            return self.become("voided")
        self.void_requested = True
        return [] if self.state == "unknown" else self.become(self.state)

    def refund(self, refund_id: str, amount: int, *, refused: bool) -> list[News]:
        if refund_id not in self.refunds:
            self.refunds[refund_id] = not refused
            self.refunded += 0 if refused else amount
            assert self.refunded <= self.captured
        self.version += 1
        version, went_through = self.version, self.refunds[refund_id]
        if went_through:
            return [lambda saga: events.refund_succeeded(saga, refund_id, version)]
        return [lambda saga: events.refund_failed(saga, refund_id)]


@dataclass
class Stock:
    """Product's one reservation of the order."""

    state: str = "held"

    def commit(self, *, sold_out: bool) -> list[News]:
        if self.state == "expired" and sold_out:
            self.state = "rejected"
        elif self.state in {"held", "expired"}:
            self.state = "committed"
        if self.state == "committed":
            return [events.stock_committed]
        return [events.stock_commit_rejected]

    def release(self) -> list[News]:
        self.state = "released"
        return [events.stock_released]


class Checkout(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.saga = Saga(total=TOTAL)
        self.payment = Payment()
        self.stock = Stock()
        self.to_payment: list[tuple[Outstanding, int]] = []
        self.to_stock: list[Ask] = []
        self.news: list[News] = []
        self.refund_count = 0
        self.shuffle = random.Random(7)  # noqa: S311 - an order of messages, not a secret
        self._send(outstanding(self.saga))

    def _next_refund(self) -> str:
        self.refund_count += 1
        return f"rfd_{self.refund_count}"

    def _send(self, asks: tuple[Outstanding, ...]) -> None:
        for one in asks:
            if one.ask in {Ask.COMMIT_STOCK, Ask.RELEASE_STOCK}:
                self.to_stock.append(one.ask)
            else:
                amounts = {r.id: r.amount_minor for r in self.saga.refunds}
                self.to_payment.append((one, amounts.get(one.about or "", 0)))

    def _step(self, after: Saga) -> None:
        before = self.saga
        after = pay_debts(after, self._next_refund, 1)
        for change in changes(before, after):
            assert (change.before, change.after) in EDGES[change.axis]
        self.saga = after
        known = outstanding(before)
        self._send(tuple(one for one in outstanding(after) if one not in known))

    def _hear(self, index: int, *, again: bool) -> None:
        news = self.news[index % len(self.news)] if again else self.news.pop(index % len(self.news))
        try:
            self._step(news(self.saga))
        except PrecedesItsState:
            if not again:
                self.news.append(news)  # parked

    def _payment_works(self, outcome: str, *, refused: bool) -> None:
        one, amount = self.to_payment.pop(0)
        match one.ask:
            case Ask.AUTHORIZE:
                self.news += self.payment.authorize(outcome)
            case Ask.CAPTURE:
                self.news += self.payment.capture(refused=refused)
            case Ask.VOID:
                self.news += self.payment.void()
            case _:
                assert one.about is not None
                self.news += self.payment.refund(one.about, amount, refused=refused)

    def _stock_works(self, *, sold_out: bool) -> None:
        if self.to_stock.pop(0) == Ask.COMMIT_STOCK:
            self.news += self.stock.commit(sold_out=sold_out)
        else:
            self.news += self.stock.release()

    @precondition(lambda self: self.to_payment)
    @rule(
        outcome=st.sampled_from(["authorized", "authorized", "declined", "unknown"]),
        refused=st.booleans(),
    )
    def payment_works(self, outcome: str, refused: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self._payment_works(outcome, refused=refused)

    @precondition(lambda self: self.to_stock)
    @rule(sold_out=st.booleans())
    def product_works(self, sold_out: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self._stock_works(sold_out=sold_out)

    @precondition(lambda self: self.payment.state == "unknown")
    @rule(outcome=st.sampled_from(["authorized", "declined"]))
    def the_provider_answers_late(self, outcome: str) -> None:
        self.news += self.payment.resolve(outcome)

    @precondition(lambda self: self.payment.state == "declined" and not self.saga.is_live)
    @rule()
    def a_declined_payment_succeeds_after_all(self) -> None:
        self.news += self.payment.become("authorized")

    @precondition(lambda self: self.stock.state == "held")
    @rule()
    def the_hold_runs_out(self) -> None:
        self.stock.state = "expired"

    @precondition(lambda self: self.news)
    @rule(index=st.integers(0, 50), again=st.booleans())
    def order_hears(self, index: int, again: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self._hear(index, again=again)

    @precondition(lambda self: self.to_payment)
    @rule()
    def a_command_is_lost(self) -> None:
        self.to_payment.pop()

    @precondition(lambda self: self.news)
    @rule()
    def news_are_lost(self) -> None:
        self.news.pop()

    @rule(too_old=st.booleans())
    def the_sweeper_passes(self, too_old: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self._sweep(too_old=too_old)

    def _sweep(self, *, too_old: bool) -> None:
        after = expire(self.saga) if too_old else self.saga
        after = pay_debts(after, self._next_refund, 5)
        if after != self.saga:
            self._step(after)
        else:
            self._send(outstanding(self.saga))

    @rule()
    def the_customer_cancels(self) -> None:
        try:
            self._step(cancel(self.saga, "changed_mind"))
        except NotCancellable:
            assert self.saga.order == OrderStatus.FAILED or self.saga.shipment == "shipped"

    @rule()
    def staff_ship(self) -> None:
        try:
            self._step(ship(self.saga, GOODS, None)[0])
        except NotShippable:
            return
        assert self.payment.captured == TOTAL.amount_minor
        assert self.stock.state == "committed"

    @rule(amount=st.one_of(st.none(), st.integers(1, 12_000)))
    def staff_refund(self, amount: int | None) -> None:
        wanted = None if amount is None else Money(amount, "USD")
        try:
            self._step(request_refund(self.saga, self._next_refund(), wanted, "goodwill"))
        except (NotRefundable, RefundTooLarge):
            return

    @invariant()
    def money_stays_within_its_bounds(self) -> None:
        saga = self.saga
        assert 0 <= saga.refunded_minor <= saga.captured_minor <= TOTAL.amount_minor
        assert saga.requested_minor + saga.refunded_minor <= saga.captured_minor
        assert saga.captured_minor <= self.payment.captured
        assert self.payment.refunded <= self.payment.captured

    @invariant()
    def only_confirmed_orders_are_captured_while_they_live(self) -> None:
        if self.saga.order == OrderStatus.PENDING:
            assert self.payment.captured == 0
        if self.saga.shipment == ShipmentStatus.SHIPPED:
            assert self.saga.order == OrderStatus.CONFIRMED

    @invariant()
    def a_live_order_never_gives_its_pieces_back(self) -> None:
        if self.saga.is_live:
            assert self.stock.state != "released"

    @override
    def teardown(self) -> None:
        """Once everybody works again, every order comes to an end in which nobody is owed anything."""
        for round_number in range(30):
            self._sweep(too_old=round_number > 2)
            if self.payment.state == "unknown":
                self.news += self.payment.resolve("authorized")
            elif round_number == 0:
                # An unasked event has nobody to repeat it but `republish`.
                self.news += self.payment.become(self.payment.state)
            while self.to_payment or self.to_stock or self.news:
                self._drain_once()
            if is_settled(self.saga):
                break
        self._check_the_end()

    def _drain_once(self) -> None:
        if self.to_payment:
            self._payment_works("authorized", refused=False)
        if self.to_stock:
            self._stock_works(sold_out=True)
        parked = 0
        while len(self.news) > parked:
            before = len(self.news)
            self._hear(self.shuffle.randrange(before), again=False)
            parked = parked + 1 if len(self.news) == before else 0
        if parked and not self.to_payment and not self.to_stock:
            self.news.clear()  # still too early after all else: the sweeper asks again

    def _check_the_end(self) -> None:
        saga = self.saga
        assert is_settled(saga), saga
        if saga.order == OrderStatus.CONFIRMED:
            assert self.stock.state == "committed"
            assert saga.payment in {
                PaymentStatus.CAPTURED,
                PaymentStatus.PARTIALLY_REFUNDED,
                PaymentStatus.REFUNDED,
            }
            return
        assert saga.order in {OrderStatus.FAILED, OrderStatus.CANCELLED}
        assert self.stock.state in {"released", "rejected"}
        assert self.payment.captured == self.payment.refunded
        assert self.payment.state != "authorized" or self.payment.captured


Checkout.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestCheckout = Checkout.TestCase

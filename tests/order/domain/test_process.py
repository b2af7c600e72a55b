"""The order's rules as pure functions, against everything the process machine can do to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hypothesis import settings
from typing_extensions import override

from libs.money import Money
from libs.testing.scale import trials
from services.order.domain import events
from services.order.domain import requests as rules
from services.order.domain.goods import Goods, Pieces, Sold
from services.order.domain.saga import Saga, changes, outstanding
from services.order.domain.states import EDGES
from services.order.errors import (
    NotCancellable,
    NotRefundable,
    NotReturnable,
    NotShippable,
    PrecedesItsState,
    RefundTooLarge,
)
from tests.order.baskets import Basket, OrderUnderTest
from tests.order.process import Checkout
from tests.order.world import News, Sent

REFUSALS = (NotCancellable, NotRefundable, NotReturnable, NotShippable, RefundTooLarge)


@dataclass
class InMemory:
    """An order that is nothing but its state."""

    state: Saga
    sold: tuple[Sold, ...]
    shipped: list[Pieces] = field(default_factory=list)
    outbox: list[Sent] = field(default_factory=list)
    ids: int = 0

    def __post_init__(self) -> None:
        self._send(())

    def saga(self) -> Saga:
        return self.state

    def goods(self) -> Goods:
        return Goods.of(self.sold, self.shipped, self.state.adjustments)

    def sent(self) -> list[Sent]:
        sent, self.outbox = self.outbox, []
        return sent

    def hear(self, news: News, *, again: bool) -> bool:
        del again  # without an inbox, the rules themselves have to recognise what they heard before
        try:
            self._step(step_of(news)(self.state))
        except PrecedesItsState:
            return False
        return True

    def crash(self, news: News) -> None:
        try:
            step_of(news)(self.state)
        except PrecedesItsState:
            return

    def sweep(self, *, too_old: bool) -> None:
        after = rules.expire(self.state) if too_old else self.state
        after = rules.pay_debts(after, lambda _: self._new_id(), 5)
        if after == self.state:
            self._send(())
        else:
            self._step(after)

    def cancel(self) -> bool:
        return self._ask(lambda: rules.cancel(self.state, "changed_mind"))

    def cancel_lines(self, pieces: Sequence[Pieces]) -> bool:
        return self._ask(
            lambda: rules.cancel_lines(
                self.state, self.goods(), self._new_id(), pieces, "changed_mind"
            )
        )

    def ship(self, pieces: Sequence[Pieces] | None) -> bool:
        packed: list[Pieces] = []

        def ship() -> Saga:
            after, parcel = rules.ship(self.state, self.goods(), pieces)
            packed.extend(parcel)
            return after

        accepted = self._ask(ship)
        self.shipped += packed
        return accepted

    def take_back(self, pieces: Sequence[Pieces], *, restock: bool) -> bool:
        return self._ask(
            lambda: rules.take_back(
                self.state, self.goods(), self._new_id(), pieces, "damaged", restock=restock
            )
        )

    def refund(self, amount: int | None) -> bool:
        wanted = None if amount is None else Money(amount, self.state.total.currency)
        return self._ask(
            lambda: rules.request_refund(self.state, self._new_id(), wanted, "goodwill")
        )

    def refund_lines(self, pieces: Sequence[Pieces]) -> bool:
        return self._ask(
            lambda: rules.refund_lines(
                self.state, self.goods(), self._new_id(), pieces, "not_delivered"
            )
        )

    def _ask(self, step: Callable[[], Saga]) -> bool:
        try:
            self._step(step())
        except REFUSALS:
            return False
        return True

    def _step(self, after: Saga) -> None:
        before, after = self.state, rules.pay_debts(after, lambda _: self._new_id(), 1)
        for change in changes(before, after):
            assert (change.before, change.after) in EDGES[change.axis]
        self.state = after
        self._send(outstanding(before))

    def _send(self, known: Sequence[object]) -> None:
        amounts = {refund.id: refund.amount_minor for refund in self.state.refunds}
        pieces = {
            one.id: tuple(Pieces(line.sku, line.quantity) for line in one.lines)
            for one in self.state.adjustments
        }
        self.outbox += [
            Sent(
                ask.ask, ask.about, amounts.get(ask.about or "", 0), pieces.get(ask.about or "", ())
            )
            for ask in outstanding(self.state)
            if ask not in known
        ]

    def _new_id(self) -> str:
        self.ids += 1
        return f"id_{self.ids:04}"


def step_of(news: News) -> Callable[[Saga], Saga]:
    """Say what a message means to the rules, as the consumers do."""
    data, version = news.data, news.version

    def amount(saga: Saga) -> Money:
        money = data["amount"]
        assert isinstance(money, dict)
        return Money(money["amount_minor"], saga.total.currency)

    steps: dict[str, Callable[[Saga], Saga]] = {
        "payment.authorized.v1": lambda saga: events.payment_authorized(
            saga, amount(saga), version
        ),
        "payment.declined.v1": lambda saga: events.payment_declined(saga, version),
        "payment.outcome_unknown.v1": lambda saga: events.payment_unknown(saga, version),
        "payment.action_required.v1": lambda saga: events.payment_action_required(
            saga, str(data["redirect_url"]), version
        ),
        "payment.captured.v1": lambda saga: events.payment_captured(saga, amount(saga), version),
        "payment.voided.v1": lambda saga: events.payment_voided(saga, version),
        "payment.refunded.v1": lambda saga: events.refund_succeeded(
            saga, str(data["refund_id"]), version
        ),
        "payment.refund_failed.v1": lambda saga: events.refund_failed(saga, str(data["refund_id"])),
        "stock.committed.v1": events.stock_committed,
        "stock.commit_rejected.v1": events.stock_commit_rejected,
        "stock.released.v1": events.stock_released,
        "stock.returned.v1": lambda saga: events.stock_returned(saga, str(data["return_id"])),
    }
    return steps[news.type]


class CheckoutInMemory(Checkout):
    @override
    def place(self, basket: Basket) -> tuple[OrderUnderTest, Basket]:
        sold = tuple(
            Sold(sku, quantity, Money(quantity * price + tax, basket.currency))
            for sku, quantity, price, tax in basket.lines
        )
        return InMemory(Saga(total=Money(basket.total, basket.currency)), sold), basket


CheckoutInMemory.TestCase.settings = settings(
    max_examples=trials(60, 500), stateful_step_count=50, deadline=None
)
TestCheckout = CheckoutInMemory.TestCase

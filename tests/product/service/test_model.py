"""Everything that can happen to stock, in any order, beside a model that knows no rows, buckets or locks."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from libs.database.session import Database
from libs.ids import new_id
from libs.testing.databases import Databases
from libs.testing.scale import trials
from libs.testing.settings import PATIENCE
from services.product.domain.reservations import ReservationState
from services.product.errors import (
    OutOfStock,
    ReservationClosed,
    ReservationConflict,
    StockBelowZero,
)
from tests.product.shop import Shop

T = TypeVar("T")

SKUS = ("A", "B", "HOT")
BASKETS = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 6), min_size=1)
CLOSED = (ReservationState.RELEASED, ReservationState.REJECTED)


@dataclass
class Order:
    """What the model knows of an order; `wanted` is empty for one that never held anything."""

    state: ReservationState
    wanted: Mapping[str, int] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    returns: set[str] = field(default_factory=set)


class Stock(RuleBasedStateMachine):
    """Drives the shop and the model side by side; SKUs and orders carry the number of the example."""

    runner: ClassVar[asyncio.Runner]
    shop: ClassVar[Shop]
    example: ClassVar[int] = 0

    orders = Bundle("orders")

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.run(wait())

    def lines(self, basket: Mapping[str, int]) -> dict[str, int]:
        return {self.names[sku]: quantity for sku, quantity in basket.items()}

    def enough(self, basket: Mapping[str, int]) -> bool:
        return all(self.available[sku] >= quantity for sku, quantity in basket.items())

    @initialize(stock=st.integers(0, 12), buckets=st.integers(1, 5))
    def open(self, stock: int, buckets: int) -> None:
        type(self).example += 1
        self.names = {sku: f"{sku}-{self.example}" for sku in SKUS}
        self.available = Counter(dict.fromkeys(SKUS, stock))
        self.known: dict[str, Order] = {}
        stocked = dict.fromkeys(self.names.values(), stock)
        self.run(self.shop.product(f"example-{self.example}", stock=stocked))
        self.run(self.shop.spread(self.names["HOT"], buckets))

    @rule(target=orders)
    def think_of_an_order(self) -> str:
        return new_id("ord")

    @rule(order_id=orders, basket=BASKETS)
    def hold(self, order_id: str, basket: dict[str, int]) -> None:
        order = self.known.get(order_id)
        work = self.shop.hold(self.lines(basket), order_id)
        if order is not None and order.state in CLOSED:
            self.refused(work, ReservationClosed)
        elif order is not None and order.wanted != basket:
            self.refused(work, ReservationConflict)
        elif order is not None and order.state is not ReservationState.EXPIRED:
            self.run(work)
        elif not self.enough(basket):
            self.refused(work, OutOfStock)
        else:
            self.run(work)
            self.available.subtract(basket)
            self.known[order_id] = Order(ReservationState.HELD, basket, Counter(basket))

    @rule(order_id=orders)
    def sell(self, order_id: str) -> None:
        self.run(self.shop.sell(order_id))
        order = self.known.setdefault(order_id, Order(ReservationState.REJECTED))
        if order.state is ReservationState.HELD:
            order.state = ReservationState.COMMITTED
        elif order.state is ReservationState.EXPIRED and self.enough(order.wanted):
            order.state = ReservationState.COMMITTED
            self.available.subtract(order.wanted)
        elif order.state is ReservationState.EXPIRED:
            order.state = ReservationState.REJECTED

    @rule(order_id=orders)
    def release(self, order_id: str) -> None:
        self.run(self.shop.release(order_id))
        order = self.known.setdefault(order_id, Order(ReservationState.RELEASED))
        if order.state in (ReservationState.HELD, ReservationState.COMMITTED):
            self.available.update(order.left)
        order.state = ReservationState.RELEASED

    @rule(order_id=orders)
    def expire(self, order_id: str) -> None:
        self.run(self.shop.run_out(order_id))
        self.run(self.shop.expire())
        order = self.known.get(order_id)
        if order is not None and order.state is ReservationState.HELD:
            order.state = ReservationState.EXPIRED
            self.available.update(order.wanted)

    @rule(order_id=orders, return_id=st.sampled_from(["ret_1", "ret_2"]), basket=BASKETS)
    def take_back(self, order_id: str, return_id: str, basket: dict[str, int]) -> None:
        done = self.run(self.shop.take_back(order_id, return_id, self.lines(basket)))
        order = self.known.get(order_id)
        early = (ReservationState.HELD, ReservationState.EXPIRED)
        assert done == (order is not None and order.state not in early)
        if order is None or not done or return_id in order.returns:
            return
        order.returns.add(return_id)
        if order.state is ReservationState.COMMITTED:
            back = Counter(basket) & order.left
            order.left -= back
            self.available.update(back)

    @rule(sku=st.sampled_from(SKUS), quantity=st.integers(-5, 5).filter(bool))
    def adjust(self, sku: str, quantity: int) -> None:
        work = self.shop.receive(self.names[sku], quantity)
        if self.available[sku] + quantity < 0:
            self.refused(work, StockBelowZero)
        else:
            self.run(work)
            self.available[sku] += quantity

    @rule(sku=st.sampled_from(SKUS), buckets=st.integers(1, 6))
    def spread(self, sku: str, buckets: int) -> None:
        self.run(self.shop.spread(self.names[sku], buckets))

    @invariant()
    def every_pile_is_what_the_model_says(self) -> None:
        for sku in SKUS:
            held, sold = (
                sum(order.left[sku] for order in self.known.values() if order.state is state)
                for state in (ReservationState.HELD, ReservationState.COMMITTED)
            )
            piles = self.run(self.shop.piles(self.names[sku]))
            assert piles == (self.available[sku], held, sold)

    def refused(self, work: Awaitable[object], error: type[Exception]) -> None:
        with pytest.raises(error):
            self.run(work)

    @override
    def teardown(self) -> None:
        assert self.run(self.shop.unconserved()) == []


def test_no_sequence_of_deeds_tells_the_shop_from_the_model(database_urls: Databases) -> None:
    with asyncio.Runner() as runner:
        Stock.runner = runner
        database = Database(
            database_urls["product"], application_name="test-model", pool_size=1, patience=PATIENCE
        )
        Stock.shop = Shop(database)
        try:
            run_state_machine_as_test(
                Stock,
                settings=settings(
                    max_examples=trials(quick=6, full=200),
                    stateful_step_count=trials(quick=20, full=40),
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(database.close())

"""The order service on a real PostgreSQL, asked over HTTP and told by messages, against the process machine."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from typing_extensions import override

from libs.ids import new_id
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import Handler, HandlerContext
from libs.messaging.processing import Outcome, Processor
from libs.testing.scale import trials
from services.order.consumers import handlers
from services.order.domain.goods import Goods, Pieces
from services.order.domain.saga import Saga
from services.order.domain.states import EDGES, Axis
from services.order.repository import OrderDetails, OrderRepository
from services.order.service.audit import discrepancies
from services.order.service.rows import goods_of, saga_of
from tests.order.baskets import Basket, OrderUnderTest
from tests.order.process import Checkout
from tests.order.running import Running
from tests.order.world import ASKS, News, Sent, sent_of

T = TypeVar("T")


class CommitLost(Exception):
    """The process died after the handler and before the commit."""


@dataclass
class OnPostgreSQL:
    """One order of the running service. The machine is not asynchronous, so each step is run on the service's loop."""

    running: Running
    loop: asyncio.AbstractEventLoop
    order_id: str = ""
    position: int = 0
    envelopes: dict[int, Envelope] = field(default_factory=dict)
    seen: OrderDetails | None = None
    """The order as it is now; read again after whatever may have changed it."""

    def wait(self, step: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(step, self.loop).result(60)

    def details(self) -> OrderDetails:
        if self.seen is None:
            self.seen = self.wait(self._details())
        return self.seen

    def saga(self) -> Saga:
        return saga_of(self.details().state)

    def goods(self) -> Goods:
        details = self.details()
        return goods_of(details.state, details.goods)

    def sent(self) -> list[Sent]:
        rows = self.wait(
            self.running.sql(
                "SELECT position, type, envelope FROM outbox_messages"
                " WHERE aggregate_id = :id AND position > :after ORDER BY position",
                id=self.order_id,
                after=self.position,
            )
        )
        self.position = rows[-1][0] if rows else self.position
        return [sent_of(type_, envelope) for _, type_, envelope in rows if type_ in ASKS]

    def hear(self, news: News, *, again: bool) -> bool:
        self.seen = None
        envelope = self.envelopes.get(id(news)) if again else None
        if envelope is None:
            envelope = self._envelope(news)
            self.envelopes[id(news)] = envelope
        outcome = self.wait(self.running.processor().process(envelope))
        if outcome is Outcome.PARKED:
            return False  # nobody runs what is parked here: the machine delivers it again
        assert outcome is (Outcome.DUPLICATE if again else Outcome.HANDLED)
        return True

    def crash(self, news: News) -> None:
        self.seen = None
        table = {
            message: _dying(handler)
            for message, handler in handlers(self.running.resources).items()
        }
        processor = self.running.processor()
        dying = Processor(
            consumer=processor.consumer,
            handlers=table,
            database=processor.database,
            outbox_of=self.running.resources.outbox,
            transactions=1,
        )
        try:
            outcome = self.wait(dying.process(self._envelope(news)))
        except CommitLost:
            return
        assert outcome is Outcome.PARKED

    def sweep(self, *, too_old: bool) -> None:
        self.seen = None
        age = ", created_at = created_at - interval '1 day'" if too_old else ""
        self.wait(
            self.running.sql(
                f"UPDATE orders SET next_check_at = now(){age}"  # noqa: S608 - one of two texts
                " WHERE id = :id AND next_check_at IS NOT NULL",
                id=self.order_id,
            )
        )
        if too_old:
            self.wait(
                self.running.sql(
                    "UPDATE orders SET action_required_at = created_at"
                    " WHERE id = :id AND action_required_at IS NOT NULL",
                    id=self.order_id,
                )
            )
        self.wait(self.running.sweep())

    def cancel(self) -> bool:
        return self._post("cancel", {})

    def cancel_lines(self, pieces: Sequence[Pieces]) -> bool:
        return self._post("cancel", {"lines": _lines(pieces)})

    def ship(self, pieces: Sequence[Pieces] | None) -> bool:
        parcel: dict[str, object] = {"carrier": "DHL", "tracking_number": "1"}
        return self._post(
            "shipments", parcel | ({} if pieces is None else {"lines": _lines(pieces)})
        )

    def take_back(self, pieces: Sequence[Pieces], *, restock: bool) -> bool:
        return self._post("returns", {"lines": _lines(pieces), "restock": restock})

    def refund(self, amount: int | None) -> bool:
        wanted: dict[str, object] = {"amount": {"amount_minor": amount, "currency": "USD"}}
        return self._post("refunds", {} if amount is None else wanted)

    def refund_lines(self, pieces: Sequence[Pieces]) -> bool:
        return self._post("refunds", {"lines": _lines(pieces)})

    def _post(self, what: str, body: dict[str, object]) -> bool:
        headers = self.running.headers(admin=True) | {"Idempotency-Key": new_id("key")}
        if what == "shipments":
            version = self.details().order.version
            headers["If-Match"] = f'"v{version}"'
        self.seen = None
        response = self.wait(
            self.running.http.post(f"/v1/orders/{self.order_id}/{what}", json=body, headers=headers)
        )
        assert response.status_code in {200, 201, 409}, response.text
        return bool(response.status_code != 409)

    def _envelope(self, news: News) -> Envelope:
        envelope = self.running.envelope(news.type, self.order_id, **news.data)
        return envelope.model_copy(update={"aggregateversion": max(news.version, 1)})

    async def _details(self) -> OrderDetails:
        async with self.running.resources.database.transaction() as session:
            details = await OrderRepository(session).details(self.order_id)
        assert details is not None
        return details

    def check(self) -> None:
        """Only legal steps were taken, and every amount can be computed again."""
        steps = self.wait(
            self.running.sql(
                "SELECT axis, from_status, to_status FROM order_timeline"
                " WHERE order_id = :id AND from_status IS NOT NULL",
                id=self.order_id,
            )
        )
        for axis, before, after in steps:
            assert (before, after) in EDGES[Axis(axis)]
        assert list(discrepancies(self.details())) == []


def _dying(handler: Any) -> Handler:
    async def die(message: Any, context: HandlerContext) -> None:
        await handler(message, context)
        raise CommitLost

    return die


def _lines(pieces: Sequence[Pieces]) -> list[dict[str, object]]:
    return [{"sku": one.sku, "quantity": one.quantity} for one in pieces]


async def test_an_order_keeps_its_promises_whatever_happens_around_it(running: Running) -> None:
    loop = asyncio.get_running_loop()

    class CheckoutOnPostgreSQL(Checkout):
        @override
        def place(self, basket: Basket) -> tuple[OrderUnderTest, Basket]:
            order = OnPostgreSQL(running, loop)
            shop = running.shop
            shop.lines = basket.pieces
            shop.prices = {sku: price for sku, _, price, _ in basket.lines}
            shop.stock = dict.fromkeys(shop.prices, 1_000)
            order.order_id, total = order.wait(_placed(running))
            shop.cart_version += 1
            return order, basket.costing(total)

        @override
        def teardown(self) -> None:
            super().teardown()
            order = getattr(self, "order", None)
            if isinstance(order, OnPostgreSQL):
                order.check()

    await asyncio.to_thread(
        run_state_machine_as_test,
        CheckoutOnPostgreSQL,
        settings=settings(
            max_examples=trials(4, 20),
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


async def _placed(running: Running) -> tuple[str, int]:
    refused = await running.post_order(total=0)
    assert refused.status_code == 409, refused.text
    total = refused.json()["quote"]["total"]["amount_minor"]
    response = await running.post_order(total=total)
    assert response.status_code == 202, response.text
    return str(response.json()["order_id"]), int(total)

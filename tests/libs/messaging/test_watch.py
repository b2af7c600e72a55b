import asyncio
from collections.abc import Callable

import pytest

from libs.contracts.order import OrderPlaced
from libs.database.session import Database
from libs.messaging import inbox
from libs.messaging.consumer import Consumer
from libs.messaging.routing import Routing
from libs.observability.metrics import configure_metrics, render_metrics
from libs.testing.broker import MemoryBroker
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import OutboxOf, envelope, event, running

CART = Routing.load().event_queues["cart"]


def shown(name: str) -> float | None:
    for line in render_metrics()[0].decode().splitlines():
        if line.startswith(name + "{") and f'queue="{CART.name}"' in line:
            return float(line.rpartition(" ")[2])
    return None


@pytest.fixture
def consumer(database: Database, outbox_of: OutboxOf) -> Callable[[MemoryBroker], Consumer]:
    async def handle(_: OrderPlaced, __: object) -> None: ...

    return lambda broker: Consumer(
        queue=CART,
        handlers={OrderPlaced: handle},
        database=database,
        broker=broker,
        outbox_of=outbox_of,
    )


async def test_what_waits_for_a_person_is_shown_with_count_and_age(
    database: Database, consumer: Callable[[MemoryBroker], Consumer]
) -> None:
    configure_metrics("test", "us-east-1", None)
    broker = MemoryBroker()
    await broker.publish(f"queue:{CART.dead_letter}", [event(), event()])
    async with database.transaction() as session:
        await inbox.park(session, CART.name, envelope(), "ord_1", 1)
        await inbox.give_up(session, CART.name, envelope())
    async with running(consumer(broker)):
        await eventually(lambda: shown("messaging_given_up_waiting") == 1)
        assert shown("messaging_dead_letters") == 2
        assert (shown("messaging_given_up_age_seconds") or 0) > 0
        assert shown("messaging_dead_letters_age_seconds") is not None
    assert shown("messaging_dead_letters") is None, "who is gone tells nothing any more"


async def test_what_nobody_takes_from_a_queue_is_counted(
    consumer: Callable[[MemoryBroker], Consumer],
) -> None:
    configure_metrics("test", "us-east-1", None)
    broker = MemoryBroker()
    await broker.publish(f"queue:{CART.name}", [event(), event(), event()])
    watch = consumer(broker)._watch
    shown_now = watch._show()
    try:
        await watch.look()
        assert shown("messaging_queue_waiting") == 3
    finally:
        for forget in shown_now:
            forget()


async def test_a_broker_that_is_away_leaves_the_last_figures_standing(
    consumer: Callable[[MemoryBroker], Consumer],
) -> None:
    broker = MemoryBroker()
    await broker.publish(f"queue:{CART.dead_letter}", [event()])
    watch = consumer(broker)._watch
    await watch.look()
    broker.away = True
    await watch.look()
    assert watch._dead_letters[0] == 1
    await asyncio.sleep(0)

"""However badly events are delivered, cart knows the same prices and stock."""

import asyncio
import random
from functools import partial

from libs.contracts import Event
from libs.contracts.product import StockChanged
from libs.messaging.consumer import Consumer
from libs.messaging.dead_letters import redrive
from libs.messaging.envelope import Envelope
from libs.messaging.processing import Processor
from libs.messaging.routing import Routing
from libs.messaging.transport import Outgoing
from libs.testing.broker import MemoryBroker
from libs.testing.builders import envelope_of
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from services.cart.consumers import handlers
from tests.cart.conftest import Running, product_changed
from tests.deliveries import deliver_badly, deliver_well, rows_of

SKUS = 6
QUEUE = Routing.load().event_queues["cart"]

VARIANTS = """
SELECT right(sku, 1) AS number, title, product_version, prices, is_for_sale
FROM known_variants WHERE sku LIKE :like
"""
STOCK = """
SELECT right(sku, 1) AS number, available, stock_version FROM known_stock WHERE sku LIKE :like
"""

Picture = list[list[dict[str, object]]]


def processor(running: Running) -> Processor:
    return Processor(
        consumer=QUEUE.name,
        handlers=handlers(running.resources),
        database=running.resources.database,
        outbox_of=running.resources.outbox,
        transactions=5,
    )


def told(event: Event, version: int) -> Envelope:
    return envelope_of(event, version=version, source="product")


def recording(name: str, count: int, chance: random.Random) -> list[Envelope]:
    """Changes of a few products and their stock, each with the next version of its subject."""
    versions: dict[str, int] = {}
    envelopes: list[Envelope] = []
    for _ in range(count):
        sku = f"{name}-{chance.randrange(SKUS)}"
        event: Event = StockChanged(sku=sku, available=chance.randrange(100))
        if chance.random() < 0.5:
            price = chance.randrange(1, 10_000)
            event = product_changed(price, sku=sku).model_copy(update={"product_id": f"prd_{sku}"})
        versions[event.subject] = versions.get(event.subject, 0) + 1
        envelopes.append(told(event, versions[event.subject]))
    return envelopes


async def picture(running: Running, name: str) -> Picture:
    database = running.resources.database
    return [await rows_of(database, query, like=f"{name}-%") for query in (VARIANTS, STOCK)]


async def test_what_cart_knows_is_the_same_however_it_was_told(running: Running) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    good, evil = (
        recording(name, trials(100, 2_500), random.Random(seed))  # noqa: S311 - the same for both
        for name in ("good", "evil")
    )
    await deliver_well(processor(running), good)
    await deliver_badly(partial(processor, running), evil, seed)
    expected = await picture(running, "good")
    assert await picture(running, "evil") == expected, f"seed {seed}"
    assert all(expected), "something is known"


async def test_dead_letters_sent_back_after_newer_events_change_nothing(running: Running) -> None:
    """A price and a stock level that failed once must not come back when somebody redrives them weeks later."""
    broker, resources = MemoryBroker(), running.resources
    await deliver_well(
        processor(running),
        [
            told(product_changed(2000, sku="old-1"), 2),
            told(StockChanged(sku="old-1", available=20), 2),
        ],
    )
    before = await picture(running, "old")
    stale = [
        told(product_changed(1000, sku="old-1"), 1),
        told(StockChanged(sku="old-1", available=10), 1),
    ]
    letters = [Outgoing(one.id, one.to_json(), {"type": one.type}) for one in stale]
    await broker.publish(f"queue:{QUEUE.dead_letter}", letters)
    assert await redrive(broker, QUEUE, per_second=1_000) == len(letters)
    reader = Consumer(
        queue=QUEUE,
        handlers=handlers(resources),
        database=resources.database,
        broker=broker,
        outbox_of=resources.outbox,
    )
    stop = asyncio.Event()
    reading = asyncio.create_task(reader.run(stop))
    await eventually(lambda: not broker.waiting(QUEUE.name))
    stop.set()
    await reading
    done = "SELECT status FROM inbox_messages WHERE event_id = ANY(CAST(:ids AS uuid[]))"
    rows = await rows_of(resources.database, done, ids=[one.id for one in stale])
    assert rows == [{"status": "done"}] * len(stale)
    assert await picture(running, "old") == before
    assert not broker.waiting(QUEUE.dead_letter)

"""However badly events are delivered, an order comes to the same end and asks the same of others."""

import random

from libs.messaging.envelope import Envelope
from libs.testing.scale import trials
from services.order.models import Order
from tests.deliveries import deliver_badly, deliver_well, rows_of
from tests.order.running import Running

UNKNOWN = "payment.outcome_unknown.v1"

REJECTED = "stock.commit_rejected.v1"
"""Answers the command that an authorisation causes: it may come often, but not before the authorisation."""

STORIES: tuple[tuple[str, ...], ...] = (
    ("payment.authorized.v1", "stock.committed.v1", "payment.captured.v1"),
    (UNKNOWN, "payment.authorized.v1", "stock.committed.v1"),
    ("payment.declined.v1",),
    ("payment.authorized.v1", REJECTED),
)


async def picture(running: Running, order_id: str, story: tuple[str, ...]) -> dict[str, object]:
    """Show an order with the number of its steps, unless one of them was a doubt that may come too late.

    Once the outcome is known, that it was not known before is no change anybody could have seen.
    """
    database = running.resources.database
    steps = "SELECT version AS steps FROM orders WHERE id = :id AND :counted"
    tables = {
        "order": "SELECT * FROM orders WHERE id = :id",
        "lines": "SELECT * FROM order_lines WHERE order_id = :id",
        "refunds": "SELECT * FROM refunds WHERE order_id = :id",
        "told": "SELECT type FROM outbox_messages WHERE aggregate_id = :id",
    }
    rows = {name: await rows_of(database, query, id=order_id) for name, query in tables.items()}
    rows["steps"] = await rows_of(database, steps, id=order_id, counted=UNKNOWN not in story)
    async with database.transaction() as session:
        order = await session.get_one(Order, order_id)
        return {"order_id": order_id, "ship_to": order.ship_to, **rows}


async def test_twins_whose_events_came_well_and_badly_end_alike(running: Running) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    running.shop.stock = dict.fromkeys(running.shop.stock, 1_000_000)
    twins: list[tuple[str, str, tuple[str, ...]]] = []
    well: list[Envelope] = []
    badly: list[Envelope] = []
    for number in range(trials(10, 900)):
        story = STORIES[number % len(STORIES)]
        pair = await running.placed(), await running.placed()
        twins.append((*pair, story))
        for order_id, heard in zip(pair, (well, badly), strict=True):
            heard.extend(running.envelope(type_, order_id) for type_ in story)
    await deliver_well(running.processor(), well)
    causes = [envelope for envelope in badly if envelope.type != REJECTED]
    await deliver_badly(running.processor, causes, seed)
    await deliver_badly(running.processor, badly, seed)
    for good, bad, story in twins:
        expected = await picture(running, good, story)
        found = await picture(running, bad, story)
        assert {**found, "order_id": good} == expected, f"seed {seed}"

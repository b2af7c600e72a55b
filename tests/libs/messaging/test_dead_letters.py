from collections import Counter
from datetime import timedelta

import pytest

from libs.clock import utc_now
from libs.messaging.broker import AwsBroker
from libs.messaging.dead_letters import list_dead_letters, queue_named, redrive
from libs.messaging.routing import Routing
from libs.messaging.transport import BrokerError
from libs.testing.broker import MemoryBroker
from tests.libs.messaging.traffic import command, event

ROUTING = Routing.load()
CART = ROUTING.event_queues["cart"]
PAYMENT = ROUTING.command_queues["payment"]


async def test_dead_letters_are_counted_dated_and_left_where_they_are(aws: AwsBroker) -> None:
    began = utc_now()
    await aws.publish(f"queue:{CART.dead_letter}", [event(), event()])
    for _ in range(2):
        found = {one.queue: one for one in await list_dead_letters(aws, ROUTING)}
        cart, payment = found[CART.name], found[PAYMENT.name]
        assert (cart.count, cart.types) == (2, Counter({"order.placed.v1": 2}))
        assert cart.oldest is not None
        assert abs(cart.oldest - began) < timedelta(minutes=1)
        assert (payment.count, payment.oldest) == (0, None)


async def test_a_redrive_moves_messages_as_they_were(aws: AwsBroker) -> None:
    letters = [event(f"ord_{n}") for n in range(3)]
    await aws.publish(f"queue:{CART.dead_letter}", letters)
    assert await redrive(aws, CART, per_second=1000) == 3
    back = await aws.receive(CART.name, limit=10, wait_seconds=1, visibility_seconds=30)
    assert sorted(one.body for one in back) == sorted(one.body for one in letters)
    assert {one.attributes["type"] for one in back} == {"order.placed.v1"}
    assert await aws.depth(CART.dead_letter) == 0


async def test_a_redriven_command_keeps_its_group_and_is_not_taken_for_a_repetition(
    aws: AwsBroker,
) -> None:
    one = command("ord_1")
    await aws.publish(f"queue:{PAYMENT.name}", [one])
    [first] = await aws.receive(PAYMENT.name, limit=1, wait_seconds=1, visibility_seconds=30)
    await aws.acknowledge(PAYMENT.name, [first.receipt])
    await aws.publish(f"queue:{PAYMENT.dead_letter}", [one])
    assert await redrive(aws, PAYMENT, per_second=1000) == 1
    [again] = await aws.receive(PAYMENT.name, limit=1, wait_seconds=1, visibility_seconds=30)
    assert (again.body, again.group) == (one.body, "ord_1")


async def test_a_redrive_moves_no_more_than_asked() -> None:
    broker = MemoryBroker()
    await broker.publish(f"queue:{CART.dead_letter}", [event() for _ in range(12)])
    assert await redrive(broker, CART, limit=5, per_second=1000) == 5
    assert len(broker.waiting(CART.dead_letter)) == 7


async def test_what_the_queue_refuses_stays_among_the_dead_letters() -> None:
    broker = MemoryBroker()
    await broker.publish(f"queue:{CART.dead_letter}", [event()])
    broker.refuse["order.placed.v1"] = "Throttled: slower"
    with pytest.raises(BrokerError, match="Throttled"):
        await redrive(broker, CART)
    [visible] = await broker.receive(
        CART.dead_letter, limit=1, wait_seconds=0, visibility_seconds=0
    )
    assert visible.receive_count == 2


def test_an_unknown_queue_is_answered_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="cart-inbox"):
        queue_named(ROUTING, "cart")

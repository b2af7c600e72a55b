import pytest

from libs.contracts.order import OrderConfirmed
from libs.messaging.routing import Routing
from libs.messaging.transport import BrokerError, Delivery, Outgoing
from libs.testing.broker import MemoryBroker
from tests.libs.messaging.traffic import command, event, outgoing, placed

CART = Routing.load().event_queues["cart"]
PAYMENT = Routing.load().command_queues["payment"]


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


async def take(broker: MemoryBroker, queue: str, *, hidden_for: int = 30) -> list[Delivery]:
    return await broker.receive(queue, limit=10, wait_seconds=0, visibility_seconds=hidden_for)


async def test_events_reach_the_queues_subscribed_to_their_type(broker: MemoryBroker) -> None:
    confirmed = OrderConfirmed(order_id="ord_1", user_id="usr_1", total=placed().total)
    wanted = event()
    await broker.publish("topic:order-events", [wanted, outgoing(confirmed)])
    assert broker.waiting(CART.name) == [wanted]
    assert broker.waiting("order-inbox") == []


async def test_events_of_other_regions_stay_away_from_process_queues(
    broker: MemoryBroker,
) -> None:
    one = event()
    foreign = Outgoing(one.id, one.body, {**one.attributes, "originregion": "eu-west-1"})
    await broker.publish("topic:order-events", [foreign])
    assert broker.waiting(CART.name) == []


async def test_what_is_hidden_comes_back_and_what_is_acknowledged_does_not(
    broker: MemoryBroker,
) -> None:
    await broker.publish(f"queue:{CART.name}", [event()])
    [first] = await take(broker, CART.name)
    assert await take(broker, CART.name) == []
    await broker.hide(CART.name, [first.receipt], 0)
    [second] = await take(broker, CART.name)
    assert second.receive_count == 2
    assert await broker.acknowledge(CART.name, [first.receipt, second.receipt]) == [first.receipt]
    assert broker.waiting(CART.name) == []
    assert await broker.hide(CART.name, [second.receipt], 0) == [second.receipt]


async def test_a_group_waits_for_its_message_in_flight(broker: MemoryBroker) -> None:
    first, second, other = command("ord_1"), command("ord_1"), command("ord_2")
    await broker.publish(f"queue:{PAYMENT.name}", [first])
    [held] = await take(broker, PAYMENT.name)
    await broker.publish(f"queue:{PAYMENT.name}", [second, other])
    assert [one.body for one in await take(broker, PAYMENT.name)] == [other.body]
    await broker.acknowledge(PAYMENT.name, [held.receipt])
    assert [one.body for one in await take(broker, PAYMENT.name)] == [second.body]


async def test_too_many_receipts_make_a_dead_letter(broker: MemoryBroker) -> None:
    await broker.publish(f"queue:{CART.name}", [event()])
    for _ in range(CART.max_receive_count):
        assert len(await take(broker, CART.name, hidden_for=0)) == 1
    assert await take(broker, CART.name) == []
    assert len(broker.waiting(CART.dead_letter)) == 1


async def test_a_broker_that_is_away_answers_nobody(broker: MemoryBroker) -> None:
    broker.away = True
    one = event()
    assert await broker.publish("topic:order-events", [one]) == {one.id: "BrokerError: away"}
    with pytest.raises(BrokerError):
        await take(broker, CART.name)

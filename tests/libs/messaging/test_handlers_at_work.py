"""A handler and its message: it is made invisible for as long as the handler works, or the handler is stopped."""

import asyncio
from collections.abc import Sequence

import pytest
from typing_extensions import override

from libs.contracts.order import OrderPlaced
from libs.messaging.delivery import Heartbeat
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import OutsideTransaction
from libs.messaging.memory import MemoryBroker
from libs.messaging.transport import BrokerError, Delivery
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import EVENTS, Make, event, running


async def test_a_handler_that_outlasts_the_visibility_is_delivered_once(
    broker: MemoryBroker, consumer: Make
) -> None:
    started: list[str] = []

    async def slow(message: OrderPlaced, _: Envelope) -> None:
        started.append(message.order_id)
        await asyncio.sleep(2.5)

    queue = EVENTS.model_copy(update={"visibility_seconds": 1})
    await broker.publish(f"queue:{EVENTS.name}", [event()])
    handlers = {OrderPlaced: OutsideTransaction(slow)}
    async with running(consumer(handlers, queue), consumer(handlers, queue)):
        await eventually(lambda: not broker.waiting(EVENTS.name))
    assert started == ["ord_1"]


@pytest.mark.parametrize("answer", ["refused", "away"])
async def test_a_handler_whose_message_may_be_with_somebody_else_is_stopped(
    consumer: Make, answer: str
) -> None:
    stopped = asyncio.Event()

    class Losing(MemoryBroker):
        @override
        async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
            if answer == "away":
                raise BrokerError("away")
            return receipts

    async def slow(_: OrderPlaced, __: Envelope) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise

    broker = Losing()
    queue = EVENTS.model_copy(update={"visibility_seconds": 1})
    await broker.publish(f"queue:{EVENTS.name}", [event()])
    handlers = {OrderPlaced: OutsideTransaction(slow)}
    async with running(consumer(handlers, queue, broker=broker)) as stop:
        await eventually(lambda: broker.waiting(EVENTS.name))
        async with asyncio.timeout(5):
            await stopped.wait()
        stop.set()
        broker._queues[EVENTS.name].stored.clear()


async def test_a_handler_is_stopped_before_its_message_can_be_with_somebody_else() -> None:
    class Silent(MemoryBroker):
        @override
        async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
            return await asyncio.Future()

    lost: list[str] = []
    queue = EVENTS.model_copy(update={"visibility_seconds": 3})
    held = [Delivery("{}", "r1")]
    async with asyncio.timeout(queue.visibility_seconds):
        await Heartbeat(Silent(), queue, held, lost.extend).run()
    assert lost == ["r1"]


async def test_a_heartbeat_that_fails_now_and_then_stops_nothing() -> None:
    class Flaky(MemoryBroker):
        calls = 0

        @override
        async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
            self.calls += 1
            if self.calls == 4:
                held.clear()
            if self.calls % 2:
                raise BrokerError("away")
            return []

    queue = EVENTS.model_copy(update={"visibility_seconds": 1})
    held = [Delivery("{}", "r1")]
    lost: list[str] = []
    await Heartbeat(Flaky(), queue, held, lost.extend).run()
    assert not lost

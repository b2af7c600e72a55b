"""A handler and its message: it is made invisible for as long as the handler works, or the handler is stopped."""

import asyncio
import selectors
from collections.abc import Sequence

import pytest
from typing_extensions import override

from libs.contracts.order import OrderPlaced
from libs.messaging.delivery import Heartbeat
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import OutsideTransaction
from libs.messaging.transport import BrokerError, Delivery
from libs.testing.broker import MemoryBroker
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import EVENTS, Make, event, running


async def test_a_handler_that_outlasts_the_visibility_is_delivered_once(
    broker: MemoryBroker, consumer: Make
) -> None:
    started: list[str] = []

    async def slow(message: OrderPlaced, _: Envelope) -> None:
        started.append(message.order_id)
        await asyncio.sleep(4.5)

    queue = EVENTS.model_copy(update={"visibility_seconds": 3})
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
        async with asyncio.timeout(30):
            await stopped.wait()
        stop.set()
        broker._queues[EVENTS.name].stored.clear()


class TimelessLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock moves only while everybody sleeps: no machine is too slow for it."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(self.Asleep(self))

    @override
    def time(self) -> float:
        return self._now

    class Asleep(selectors.DefaultSelector):
        """Skips the time that the loop would wait."""

        def __init__(self, loop: "TimelessLoop") -> None:
            super().__init__()
            self._loop = loop

        @override
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            self._loop._now += timeout or 0.0
            return super().select(0)


def run_heartbeat(broker: MemoryBroker, held: list[Delivery]) -> tuple[list[str], float]:
    """Run one for messages that stay hidden for three seconds; return what was lost, and when it ended."""
    lost: list[str] = []
    queue = EVENTS.model_copy(update={"visibility_seconds": 3})
    loop = TimelessLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(Heartbeat(broker, queue, held, lost.extend).run())
        return lost, loop.time()


def test_a_handler_is_stopped_before_its_message_can_be_with_somebody_else() -> None:
    class Silent(MemoryBroker):
        @override
        async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
            return await asyncio.Future()

    lost, ended_at = run_heartbeat(Silent(), [Delivery("{}", "r1")])
    assert lost == ["r1"]
    assert ended_at < 3


def test_a_heartbeat_that_fails_now_and_then_stops_nothing() -> None:
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

    held = [Delivery("{}", "r1")]
    lost, _ = run_heartbeat(Flaky(), held)
    assert not lost

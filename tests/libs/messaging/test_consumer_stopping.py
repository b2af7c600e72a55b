"""A consumer that is told to stop, or whose broker or database is away, loses nothing and takes nothing it cannot handle."""

import asyncio

import pytest
from typing_extensions import override

from libs.contracts.order import OrderPlaced
from libs.contracts.payment import CapturePayment
from libs.database.session import Database, DatabaseUnreachableError
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import HandlerContext, OutsideTransaction
from libs.messaging.transport import Delivery
from libs.testing.broker import MemoryBroker
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import COMMANDS, EVENTS, Make, done, event, outgoing, running


async def test_a_stop_lets_handlers_finish_and_gives_the_rest_back(
    database: Database, broker: MemoryBroker, consumer: Make
) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def handle(_: CapturePayment, __: Envelope) -> None:
        entered.set()
        await release.wait()

    commands = [outgoing(CapturePayment(order_id="ord_1"), group="ord_1") for _ in range(3)]
    await broker.publish(f"queue:{COMMANDS.name}", commands)
    async with running(consumer({CapturePayment: OutsideTransaction(handle)}, COMMANDS)) as stop:
        await entered.wait()
        stop.set()
        asyncio.get_running_loop().call_later(0.5, release.set)  # after the last poll has ended
    assert await done(database) == 1
    assert broker.waiting(COMMANDS.name) == commands[1:]
    visible = await broker.receive(COMMANDS.name, limit=10, wait_seconds=0, visibility_seconds=0)
    assert len(visible) == 2


async def test_what_a_poll_brings_after_the_stop_is_given_back(consumer: Make) -> None:
    polling, arrived = asyncio.Event(), asyncio.Event()

    class Late(MemoryBroker):
        @override
        async def receive(
            self, queue: str, *, limit: int, wait_seconds: int, visibility_seconds: int
        ) -> list[Delivery]:
            polling.set()
            await arrived.wait()
            return await super().receive(
                queue, limit=limit, wait_seconds=0, visibility_seconds=visibility_seconds
            )

    async def never(_: OrderPlaced, __: HandlerContext) -> None:
        pytest.fail("nothing is handled after the stop")

    broker = Late()
    await broker.publish(f"queue:{EVENTS.name}", [event()])
    async with running(consumer({OrderPlaced: never}, broker=broker)) as stop:
        await polling.wait()
        stop.set()
        arrived.set()
    [again] = await MemoryBroker.receive(
        broker, EVENTS.name, limit=10, wait_seconds=0, visibility_seconds=30
    )
    assert again.receive_count == 2


async def test_a_drain_that_takes_too_long_gives_back_what_it_cut_off(
    broker: MemoryBroker, consumer: Make
) -> None:
    entered = asyncio.Event()

    async def endless(_: OrderPlaced, __: Envelope) -> None:
        entered.set()
        await asyncio.Event().wait()

    await broker.publish(f"queue:{EVENTS.name}", [event()])
    cut_off = asyncio.create_task(
        consumer({OrderPlaced: OutsideTransaction(endless)}).run(asyncio.Event())
    )
    await entered.wait()
    cut_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut_off
    visible = await broker.receive(EVENTS.name, limit=10, wait_seconds=0, visibility_seconds=0)
    assert len(visible) == 1


async def test_a_consumer_waits_for_a_broker_that_is_away(
    database: Database, broker: MemoryBroker, consumer: Make
) -> None:
    async def handle(_: OrderPlaced, __: HandlerContext) -> None: ...

    tried = asyncio.Event()

    class Away(MemoryBroker):
        @override
        async def receive(
            self, queue: str, *, limit: int, wait_seconds: int, visibility_seconds: int
        ) -> list[Delivery]:
            tried.set()
            return await super().receive(
                queue,
                limit=limit,
                wait_seconds=wait_seconds,
                visibility_seconds=visibility_seconds,
            )

    away = Away()
    await away.publish(f"queue:{EVENTS.name}", [event()])
    away.away = True
    async with running(consumer({OrderPlaced: handle}, broker=away)):
        await tried.wait()
        away.away = False
        await eventually(lambda: not away.waiting(EVENTS.name))
    assert await done(database) == 1


async def test_nothing_is_received_while_the_database_is_away(
    broker: MemoryBroker, consumer: Make, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable = database.run
    pings: list[int] = []

    async def unreachable(*_: object, **__: object) -> None:
        raise DatabaseUnreachableError

    async def ping() -> None:
        pings.append(broker._receipts)
        if len(pings) < 3:
            raise DatabaseUnreachableError
        monkeypatch.setattr(database, "run", reachable)

    async def handle(_: OrderPlaced, __: HandlerContext) -> None: ...

    monkeypatch.setattr(database, "run", unreachable)
    monkeypatch.setattr(database, "ping", ping)
    async with running(consumer({OrderPlaced: handle}, concurrency=1)):
        await broker.publish(f"queue:{EVENTS.name}", [event()])
        await eventually(lambda: not broker.waiting(EVENTS.name))
    assert pings == [1, 1, 1], "one receipt found out; the rest waited"

"""Relays and consumers as processes of their own, to be killed, frozen and told to stop.

They are forked from a server that has everything imported, because a test that kills hundreds of them cannot wait a
second for each to start.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

from sqlalchemy import text

from libs.contracts.order import OrderPlaced
from libs.contracts.payment import CapturePayment
from libs.database.session import Database, Patience
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.consumer import Consumer
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import HandlerContext, Handlers, OutsideTransaction
from libs.messaging.outbox import Outbox
from libs.messaging.relay import Relay
from libs.messaging.routing import Queue, Routing

REGION: Final = "us-east-1"

APPLIED: Final = """
CREATE TABLE applied (consumer text NOT NULL, order_id text NOT NULL, version bigint NOT NULL)
"""
"""No key: an effect that happens twice is seen twice."""

SENT: Final = "CREATE TABLE sent (order_id text PRIMARY KEY)"
"""What the outside world was told, kept apart by a business key as a provider does."""

PATIENT: Final = Patience(connection=20, lock=20, statement=20)
"""On a busy machine too."""

_STOP_SECONDS: Final = 30

_forks: Final = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Place:
    """Where a worker finds everything, and how long it waits there; the seconds are its consumer's."""

    database_url: str
    endpoint_url: str
    prefix: str
    visibility_seconds: int = 30
    wait_seconds: int = 1
    patience: Patience = PATIENT

    def queue(self, owner: str) -> Queue:
        """Return the queue of the owner's commands, or of its events if nobody commands it."""
        routing = Routing.load()
        queue = routing.command_queues.get(owner) or routing.event_queues[owner]
        return queue.model_copy(update={"visibility_seconds": self.visibility_seconds})


class _Loop(Protocol):
    async def run(self, stop: asyncio.Event) -> None: ...


@contextmanager
def worker(place: Place, kind: str) -> Iterator[BaseProcess]:
    """Run a worker, `relay` or the name of a queue's owner; it is killed at the end of the block."""
    process = start(place, kind)
    try:
        yield process
    finally:
        end(process)


def start(place: Place, kind: str) -> BaseProcess:
    """Start a worker, which works a moment later."""
    process = _forks.Process(target=_main, args=(place, kind), daemon=True)
    process.start()
    return process


def stop(process: BaseProcess) -> int | None:
    """Ask a worker to end (SIGTERM), wait for that, and return its exit status."""
    process.terminate()
    process.join(_STOP_SECONDS)
    return process.exitcode


def end(process: BaseProcess) -> None:
    """Kill a worker, frozen or not, and wait until it is gone."""
    process.kill()
    process.join()
    process.close()


def freeze(process: BaseProcess) -> None:
    """Stop its clock, as a stalled machine would."""
    os.kill(process.pid or 0, signal.SIGSTOP)


def thaw(process: BaseProcess) -> None:
    """Let a frozen process go on."""
    os.kill(process.pid or 0, signal.SIGCONT)


def _main(place: Place, kind: str) -> None:
    asyncio.run(_work(place, kind))


async def _work(place: Place, kind: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    database = Database(
        place.database_url, application_name=kind, pool_size=6, patience=place.patience
    )
    async with open_broker(
        region=REGION, endpoint_url=place.endpoint_url, prefix=place.prefix
    ) as broker:
        await _loop_of(place, kind, database, broker).run(stop)
    await database.close()


def _loop_of(place: Place, kind: str, database: Database, broker: AwsBroker) -> _Loop:
    if kind == "relay":
        return Relay(database, broker, asyncio.Event(), slowest_poll_seconds=0.2)
    return Consumer(
        queue=place.queue(kind),
        handlers=_handlers(kind, database),
        database=database,
        broker=broker,
        outbox_of=lambda session: Outbox(session, kind, REGION, wake=lambda: None),
        wait_seconds=place.wait_seconds,
    )


def _handlers(kind: str, database: Database) -> Handlers:
    async def apply(message: OrderPlaced, context: HandlerContext) -> None:
        await context.session.execute(
            text("INSERT INTO applied VALUES (:consumer, :order_id, :version)"),
            _row(kind, message.order_id, context.envelope),
        )
        # Between effect and commit a moment passes, for a kill or a freeze to fall into.
        await context.session.execute(text("SELECT pg_sleep(0.02)"))

    async def tell(message: CapturePayment, envelope: Envelope) -> None:
        async with database.transaction() as session:
            told = await session.execute(
                text("INSERT INTO sent VALUES (:order_id) ON CONFLICT DO NOTHING RETURNING 1"),
                {"order_id": message.order_id},
            )
            if told.first() is not None:
                await session.execute(
                    text("INSERT INTO applied VALUES (:consumer, :order_id, :version)"),
                    _row(kind, message.order_id, envelope),
                )
        await asyncio.sleep(0.02)

    return {OrderPlaced: apply, CapturePayment: OutsideTransaction(tell)}


def _row(consumer: str, order_id: str, envelope: Envelope) -> Mapping[str, object]:
    return {"consumer": consumer, "order_id": order_id, "version": envelope.aggregateversion}

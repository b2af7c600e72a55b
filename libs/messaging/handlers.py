"""What a service's handler table is made of: plain functions in a plain dict, no registration, no scanning."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from libs.contracts.message import Message
from libs.messaging.envelope import Envelope
from libs.messaging.outbox import Outbox


class TooEarly(Exception):
    """The message tells of something whose precondition has not happened here yet.

    Whatever the handler did is rolled back; the message is parked, acknowledged, and run again when a handler
    reports `context.advanced(waiting_for)`, or after a while in any case.
    """

    def __init__(self, waiting_for: str) -> None:
        super().__init__(f"too early: waiting for {waiting_for}")
        self.waiting_for = waiting_for


@dataclass(frozen=True)
class HandlerContext:
    """What a handler works with: everything in it belongs to the inbox transaction of this one message."""

    envelope: Envelope
    session: AsyncSession
    outbox: Outbox
    keys_advanced: list[str] = field(default_factory=list)

    def advanced(self, key: str) -> None:
        """Tell that messages parked for `key` can be tried again once this transaction has committed."""
        self.keys_advanced.append(key)


# Each handler takes its own message class; a dict keyed by class cannot say so in types.
Handler = Callable[[Any, HandlerContext], Awaitable[None]]
"""`async def on_payment_captured(message: PaymentCaptured, context: HandlerContext) -> None`."""


@dataclass(frozen=True)
class OutsideTransaction:
    """A handler that calls the outside world, so it runs with no transaction open.

    It opens its own, and must be safe to repeat by a business key: a crash after its effect and before the inbox
    row makes it run again.
    """

    handler: Callable[[Any, Envelope], Awaitable[None]]


Handlers = Mapping[type[Message], Handler | OutsideTransaction]

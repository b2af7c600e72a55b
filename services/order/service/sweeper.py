"""Drives every order to its end: asks again what nobody answered, and gives up what stayed pending too long.

It never guesses how a payment ended: it sends the same command again, and payment answers with the truth.
"""

import random
from dataclasses import dataclass

from libs.database.session import Database
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from services.order.domain import saga as rules
from services.order.domain.requests import expire, pay_debts
from services.order.repository import DueOrder, Patience
from services.order.service.allowance import Allowance
from services.order.service.progress import Cause, Progress, ProgressOf
from services.order.service.rows import refund_ids, saga_of

BATCH = 20
MOST_BATCHES = 50
MOST_REFUND_TRIES = 5
LONGEST_PAUSE_SECONDS = 60.0
"""Also how much later than its time-out an order may be given up."""

_DOUBLINGS = 8

_log = get_logger(__name__)
_resent = counter(
    "order_commands_resent",
    unit="{command}",
    description="Unanswered commands sent again.",
)
_held_back = counter(
    "order_commands_held_back",
    unit="{command}",
    description="Unanswered commands not sent again yet, so that a slow receiver can catch up.",
)
_stuck = counter(
    "order_refunds_stuck",
    unit="{order}",
    description="Orders whose refund was refused every time: a person must look.",
)


@dataclass(frozen=True)
class Sweeper:
    """One pass over the orders that wait for an answer; replicas share the work by skipping locked rows."""

    database: Database
    progress_of: ProgressOf
    patience: Patience
    resend_seconds: float
    allowance: Allowance

    async def run(self) -> int:
        """Handle all due orders, a batch per transaction; returns how many."""
        handled = 0
        for _ in range(MOST_BATCHES):
            count = await self._batch()
            handled += count
            if count < BATCH:
                break
        return handled

    async def _batch(self) -> int:
        async with self.database.transaction() as session:
            progress = self.progress_of(session)
            due = await progress.orders.due(BATCH, self.patience)
            order_ids = [one.locked.order.id for one in due]
            for order_id, one in zip(order_ids, due, strict=True):
                await self._drive_alone(progress, order_id, one)
        return len(due)

    async def _drive_alone(self, progress: Progress, order_id: str, due: DueOrder) -> None:
        """Keep one order that cannot be handled from holding up all the others."""
        try:
            async with progress.orders.attempt():
                await self._drive(progress, due)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the others must not wait
            _log.exception("order_not_swept", order_id=order_id)
            await progress.orders.postpone(order_id, LONGEST_PAUSE_SECONDS)

    async def _drive(self, progress: Progress, due: DueOrder) -> None:
        order, saga = due.locked.order, saga_of(due.locked)
        after = expire(saga) if due.too_old else saga
        after = pay_debts(after, refund_ids(order.id), tries=MOST_REFUND_TRIES)
        cause = "gave_up_waiting" if after.order != saga.order else "refund_again"
        if await progress.apply(due.locked, after, Cause(cause)):
            return
        asks = len(rules.outstanding(saga))
        if not self.allowance.take(asks):
            _held_back.add(asks)
            progress.orders.schedule(order, self._pause(order.checks))
            return
        sent = await progress.resend(due.locked)
        _resent.add(sent)
        order.checks += 1
        stuck = sent == 0 and not rules.is_settled(saga)
        if stuck:
            _stuck.add(1)
            _log.error("refund_stuck", order_id=order.id)
        pause = None if sent == 0 else self._pause(order.checks)
        progress.orders.schedule(order, pause)

    def _pause(self, checks: int) -> float:
        doubled = self.resend_seconds * float(2 ** min(checks, _DOUBLINGS))
        return min(doubled, LONGEST_PAUSE_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret

"""What order does with each event of payment and product: one step of the saga in the inbox's transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from libs.contracts.payment import (
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentOutcomeUnknown,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentVoided,
)
from libs.contracts.product import (
    StockCommitRejected,
    StockCommitted,
    StockReleased,
    StockReturned,
)
from libs.contracts.user import ErasureRequested
from libs.messaging.handlers import HandlerContext, Handlers, TooEarly
from libs.runtime.resources import Resources
from services.order.dependencies import ERASURE, build_progress
from services.order.domain import events
from services.order.domain.saga import Saga
from services.order.errors import PrecedesItsState
from services.order.service.progress import Cause
from services.order.service.rows import saga_of

Step = Callable[[Saga], Saga]


@dataclass(frozen=True)
class Consumers:
    """One method per event."""

    resources: Resources

    async def on_payment_authorized(
        self, event: PaymentAuthorized, context: HandlerContext
    ) -> None:
        amount, version = event.amount.money(), context.envelope.aggregateversion
        await self._take(
            event.order_id,
            context,
            lambda saga: events.payment_authorized(saga, amount, version),
            event.payment_id,
        )

    async def on_payment_declined(self, event: PaymentDeclined, context: HandlerContext) -> None:
        version = context.envelope.aggregateversion
        await self._take(
            event.order_id,
            context,
            lambda saga: events.payment_declined(saga, version),
            event.payment_id,
        )

    async def on_outcome_unknown(
        self, event: PaymentOutcomeUnknown, context: HandlerContext
    ) -> None:
        version = context.envelope.aggregateversion
        await self._take(
            event.order_id,
            context,
            lambda saga: events.payment_unknown(saga, version),
            event.payment_id,
        )

    async def on_action_required(
        self, event: PaymentActionRequired, context: HandlerContext
    ) -> None:
        url, version = event.redirect_url, context.envelope.aggregateversion
        await self._take(
            event.order_id,
            context,
            lambda saga: events.payment_action_required(saga, url, version),
            event.payment_id,
        )

    async def on_payment_captured(self, event: PaymentCaptured, context: HandlerContext) -> None:
        amount, version = event.amount.money(), context.envelope.aggregateversion
        await self._take(
            event.order_id,
            context,
            lambda saga: events.payment_captured(saga, amount, version),
            event.payment_id,
        )

    async def on_payment_voided(self, event: PaymentVoided, context: HandlerContext) -> None:
        version = context.envelope.aggregateversion
        await self._take(
            event.order_id,
            context,
            lambda saga: events.payment_voided(saga, version),
            event.payment_id,
        )

    async def on_payment_refunded(self, event: PaymentRefunded, context: HandlerContext) -> None:
        refund_id, version = event.refund_id, context.envelope.aggregateversion
        await self._take(
            event.order_id, context, lambda saga: events.refund_succeeded(saga, refund_id, version)
        )

    async def on_refund_failed(self, event: PaymentRefundFailed, context: HandlerContext) -> None:
        refund_id = event.refund_id
        await self._take(
            event.order_id, context, lambda saga: events.refund_failed(saga, refund_id)
        )

    async def on_stock_committed(self, event: StockCommitted, context: HandlerContext) -> None:
        await self._take(event.order_id, context, events.stock_committed)

    async def on_commit_rejected(self, event: StockCommitRejected, context: HandlerContext) -> None:
        await self._take(event.order_id, context, events.stock_commit_rejected)

    async def on_stock_released(self, event: StockReleased, context: HandlerContext) -> None:
        progress = build_progress(self.resources, context.session, context.outbox)
        # A hold is also released, or runs out, when no order came of it.
        if await progress.orders.exists(event.order_id):
            await self._take(event.order_id, context, events.stock_released)

    async def on_stock_returned(self, event: StockReturned, context: HandlerContext) -> None:
        return_id = event.return_id
        await self._take(
            event.order_id, context, lambda saga: events.stock_returned(saga, return_id)
        )

    async def _take(
        self, order_id: str, context: HandlerContext, step: Step, payment_id: str | None = None
    ) -> None:
        progress = build_progress(self.resources, context.session, context.outbox)
        locked = await progress.orders.locked(order_id)
        if locked is None:
            # Payment and stock only speak of orders whose commands they got: the row is not visible here yet.
            raise TooEarly(order_id)
        locked.order.payment_id = locked.order.payment_id or payment_id
        cause = Cause(context.envelope.type, context.envelope.id)
        try:
            after = step(saga_of(locked))
        except PrecedesItsState as early:
            raise TooEarly(order_id) from early
        if await progress.apply(locked, after, cause):
            context.advanced(order_id)


def handlers(resources: Resources) -> Handlers:
    """Return the handler table: one method per message this service reacts to."""
    of = Consumers(resources)
    return {
        PaymentAuthorized: of.on_payment_authorized,
        PaymentDeclined: of.on_payment_declined,
        PaymentOutcomeUnknown: of.on_outcome_unknown,
        PaymentActionRequired: of.on_action_required,
        PaymentCaptured: of.on_payment_captured,
        PaymentVoided: of.on_payment_voided,
        PaymentRefunded: of.on_payment_refunded,
        PaymentRefundFailed: of.on_refund_failed,
        StockCommitted: of.on_stock_committed,
        StockCommitRejected: of.on_commit_rejected,
        StockReleased: of.on_stock_released,
        StockReturned: of.on_stock_returned,
        ErasureRequested: ERASURE.handler(),
    }

"""Publishes what became of a payment; every event gets a version of its own."""

from libs.contracts.message import Amount, Event
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
from libs.money import Money
from services.payment.domain.records import Payment, Refund
from services.payment.domain.states import PaymentState
from services.payment.repository.unit import Unit
from services.payment.service.recording import record_state


def _amount(money: Money | None) -> Amount:
    if money is None:
        raise ValueError("only a payment that was asked for has an amount")
    return Amount.of(money)


def event_of(payment: Payment, told: PaymentState) -> Event | None:
    """Return the event that tells of a payment having reached a state; None for states on the way."""
    ids = {"payment_id": payment.id, "order_id": payment.order_id}
    event: Event | None = None
    match told:
        case PaymentState.AUTHORIZED:
            event = PaymentAuthorized(**ids, amount=_amount(payment.money))
        case PaymentState.DECLINED:
            event = PaymentDeclined(**ids, reason=payment.decline_reason or "declined")
        case PaymentState.OUTCOME_UNKNOWN:
            event = PaymentOutcomeUnknown(**ids)
        case PaymentState.REQUIRES_ACTION:
            event = PaymentActionRequired(**ids, redirect_url=payment.redirect_url or "")
        case PaymentState.CAPTURED:
            event = PaymentCaptured(**ids, amount=_amount(payment.captured))
        case PaymentState.VOIDED:
            event = PaymentVoided(**ids)
    return event


async def tell(unit: Unit, payment: Payment, told: PaymentState) -> None:
    """Record and publish that the payment reached a state, under the version the payment has now."""
    await record_state(unit, payment, told)
    await _publish(unit, payment, told)


async def _publish(unit: Unit, payment: Payment, told: PaymentState) -> None:
    event = event_of(payment, told)
    if event is not None:
        await unit.outbox.add(event, aggregate_version=payment.version)


async def tell_again(unit: Unit, payment: Payment, told: PaymentState) -> None:
    """Publish an outcome that was published before: its command was repeated, so its sender may have missed it."""
    await _publish(unit, await unit.payments.touch(payment), told)


async def tell_refunded(unit: Unit, payment: Payment, refund: Refund) -> None:
    """Publish that a refund went through."""
    event = PaymentRefunded(
        payment_id=payment.id,
        order_id=payment.order_id,
        refund_id=refund.id,
        amount=Amount.of(refund.money),
        refunded_total_minor=payment.refunded_minor,
    )
    await unit.outbox.add(event, aggregate_version=payment.version)


async def tell_refund_failed(unit: Unit, payment: Payment, refund: Refund) -> None:
    """Publish that a refund was refused."""
    event = PaymentRefundFailed(
        payment_id=payment.id,
        order_id=payment.order_id,
        refund_id=refund.id,
        reason=refund.failure_reason or "refused",
    )
    await unit.outbox.add(event, aggregate_version=payment.version)

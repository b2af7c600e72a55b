"""Puts what happened to money into the audit log, once, in the transaction in which it happened."""

from typing import Final

from libs.audit.log import SYSTEM, Outcome
from services.payment.domain.records import Payment, Refund
from services.payment.domain.states import PaymentState
from services.payment.repository.unit import Unit

_OUTCOMES: Final[dict[PaymentState, Outcome]] = {
    PaymentState.AUTHORIZED: "done",
    PaymentState.CAPTURED: "done",
    PaymentState.VOIDED: "done",
    PaymentState.DECLINED: "refused",
}


async def record_state(unit: Unit, payment: Payment, reached: PaymentState) -> None:
    """Record that a payment reached a state in which money was promised, taken, given back or refused."""
    outcome = _OUTCOMES.get(reached)
    if outcome is None:
        return
    money = payment.captured if reached is PaymentState.CAPTURED else payment.money
    await unit.audit.record(
        f"payment.{reached}",
        SYSTEM,
        payment.id,
        outcome,
        order_id=payment.order_id,
        amount_minor=None if money is None else money.amount_minor,
        currency=None if money is None else money.currency,
        reason=payment.decline_reason,
    )


async def record_refund(unit: Unit, payment: Payment, refund: Refund) -> None:
    """Record that a refund went through or was refused."""
    await unit.audit.record(
        "payment.refunded",
        SYSTEM,
        payment.id,
        "refused" if refund.failure_reason else "done",
        order_id=payment.order_id,
        refund_id=refund.id,
        amount_minor=refund.money.amount_minor,
        currency=refund.money.currency,
        reason=refund.failure_reason,
    )

"""The four commands. Each records its intent in one transaction (T1) and leaves the rest to settlement.

A repeated command finds the payment where the first one left it and has the outcome told again.
"""

from functools import partial

from libs.contracts.payment import AuthorizePayment, CapturePayment, RefundPayment, VoidPayment
from libs.messaging.handlers import TooEarly
from services.payment.domain.records import Payment, Refund, Work, payment_id_of
from services.payment.domain.refusals import (
    NOT_YET_CAPTURED,
    authorization_refusal,
    refund_refusal,
)
from services.payment.domain.states import (
    BEGUN,
    IN_FLIGHT,
    REACTIONS,
    PaymentState,
    Purpose,
    Reaction,
    RefundState,
    provider_key,
)
from services.payment.errors import PaymentNotFound, RefundIdReused
from services.payment.repository.unit import Unit, Units
from services.payment.service.recording import record_refund
from services.payment.service.settlement import Settlement
from services.payment.service.telling import tell, tell_again, tell_refund_failed, tell_refunded

_TOLD = {
    Reaction.TELL_AUTHORIZED: PaymentState.AUTHORIZED,
    Reaction.TELL_DECLINED: PaymentState.DECLINED,
    Reaction.TELL_UNKNOWN: PaymentState.OUTCOME_UNKNOWN,
    Reaction.TELL_ACTION_REQUIRED: PaymentState.REQUIRES_ACTION,
    Reaction.TELL_CAPTURED: PaymentState.CAPTURED,
    Reaction.TELL_VOIDED: PaymentState.VOIDED,
}


class PaymentCommands:
    """Handles commands; safe to repeat, because an order has one payment and a refund id one refund."""

    def __init__(self, units: Units, settlement: Settlement, *, region: str) -> None:
        self._units = units
        self._settlement = settlement
        self._region = region

    async def authorize(self, command: AuthorizePayment) -> None:
        """Reserve the order's total."""
        work = await self._units.run(partial(self._authorize, command=command))
        await self._settlement.carry_on(work)

    async def capture(self, command: CapturePayment) -> None:
        """Take the reserved total.

        Raises:
            PaymentNotFound: the order never asked for an authorisation; a fault of the sender.
            TooEarly: whether the total is reserved is not known yet.
        """
        work = await self._units.run(partial(self._capture, command=command))
        await self._settlement.carry_on(work)

    async def void(self, command: VoidPayment) -> None:
        """Give the reservation back, or see to it that none is kept if it comes later."""
        work = await self._units.run(partial(self._void, command=command))
        await self._settlement.carry_on(work)

    async def refund(self, command: RefundPayment) -> None:
        """Return money once per refund id.

        Raises:
            PaymentNotFound: the order never asked for an authorisation.
            RefundIdReused: the id names another payment's refund.
            TooEarly: whether there is money to return is not known yet.
        """
        work = await self._units.run(partial(self._refund, command=command))
        await self._settlement.carry_on(work)

    async def _authorize(self, unit: Unit, *, command: AuthorizePayment) -> Work | None:
        amount = command.amount
        refusal = authorization_refusal(
            amount.amount_minor, amount.currency, command.payment_method
        )
        if refusal is not None:
            return await self._decline_at_once(unit, command, refusal)
        created = await unit.payments.create(
            payment_id=payment_id_of(command.order_id),
            order_id=command.order_id,
            user_id=command.user_id,
            home_region=command.home_region,
            money=amount.money(),
            payment_method=command.payment_method,
            return_url=command.return_url,
            state=PaymentState.AUTHORIZING,
        )
        if created is not None:
            return await self._settlement.begin(unit, created, Purpose.AUTHORIZE, amount.money())
        return await self._authorize_again(unit, command)

    async def _decline_at_once(
        self, unit: Unit, command: AuthorizePayment, refusal: str
    ) -> Work | None:
        created = await unit.payments.create(
            payment_id=payment_id_of(command.order_id),
            order_id=command.order_id,
            user_id=command.user_id,
            home_region=command.home_region,
            money=None,
            payment_method=None,  # what was sent may be a card number: it is never stored
            state=PaymentState.DECLINED,
            decline_reason=refusal,
        )
        if created is not None:
            await tell(unit, created, PaymentState.DECLINED)
            return None
        return await self._authorize_again(unit, command)

    async def _authorize_again(self, unit: Unit, command: AuthorizePayment) -> Work | None:
        payment = await _locked(unit, command.order_id)
        if payment.user_id is None:
            # The void came first and could not say whose payment it was.
            payment = await unit.payments.touch(
                payment, user_id=command.user_id, home_region=command.home_region
            )
        return await self._react(unit, payment, Purpose.AUTHORIZE)

    async def _capture(self, unit: Unit, *, command: CapturePayment) -> Work | None:
        return await self._react(unit, await _locked(unit, command.order_id), Purpose.CAPTURE)

    async def _void(self, unit: Unit, *, command: VoidPayment) -> Work | None:
        tombstone = await unit.payments.create(
            payment_id=payment_id_of(command.order_id),
            order_id=command.order_id,
            user_id=None,
            home_region=self._region,
            money=None,
            payment_method=None,
            state=PaymentState.VOIDED,
        )
        if tombstone is not None:
            await tell(unit, tombstone, PaymentState.VOIDED)
            return None
        return await self._react(unit, await _locked(unit, command.order_id), Purpose.VOID)

    async def _react(self, unit: Unit, payment: Payment, purpose: Purpose) -> Work | None:
        reaction = REACTIONS[purpose][payment.state]
        if reaction is Reaction.TOO_EARLY:
            raise TooEarly(payment.id)
        if reaction is Reaction.BEGIN and payment.money is not None:
            await self._settlement.supersede(unit, payment)
            begun = await unit.payments.change(payment, BEGUN[purpose])
            return await self._settlement.begin(unit, begun, purpose, payment.money)
        if reaction is Reaction.CLOSE:
            closed = await unit.payments.change(payment, PaymentState.VOIDED)
            await tell(unit, closed, PaymentState.VOIDED)
        elif reaction is Reaction.REMEMBER_VOID and not payment.void_requested:
            payment = await unit.payments.touch(payment, void_requested=True)
        elif reaction in _TOLD:
            await tell_again(unit, payment, _TOLD[reaction])
        return await self._resume(unit, payment)

    async def _resume(self, unit: Unit, payment: Payment) -> Work | None:
        """Take up the call the payment waits for, if its process died; otherwise somebody is at it."""
        purpose = IN_FLIGHT.get(payment.state)
        if purpose is None:
            return None
        return await self._claim(unit, payment, provider_key(payment.id, purpose))

    async def _claim(self, unit: Unit, payment: Payment, key: str) -> Work | None:
        lease = self._settlement.lease_seconds
        operation = await unit.operations.claim(key, lease_seconds=lease)
        return None if operation is None else Work(payment, operation)

    async def _refund(self, unit: Unit, *, command: RefundPayment) -> Work | None:
        payment = await _locked(unit, command.order_id)
        known = await unit.refunds.get(command.refund_id)
        if known is not None:
            return await self._refund_again(unit, payment, known)
        if payment.state in NOT_YET_CAPTURED:
            raise TooEarly(payment.id)
        asked = command.amount.money()
        refusal = refund_refusal(
            payment.state,
            captured=payment.captured,
            promised_minor=await unit.refunds.promised_minor(payment.id),
            asked=asked,
        )
        refund = await unit.refunds.create(
            refund_id=command.refund_id,
            payment_id=payment.id,
            money=asked,
            reason=command.reason,
            failure_reason=refusal,
        )
        payment = await unit.payments.touch(payment)  # its refunds are shown with it
        if refusal is not None:
            await record_refund(unit, payment, refund)
            await tell_refund_failed(unit, payment, refund)
            return None
        return await self._settlement.begin(unit, payment, Purpose.REFUND, asked, refund.id)

    async def _refund_again(self, unit: Unit, payment: Payment, refund: Refund) -> Work | None:
        if refund.payment_id != payment.id:
            raise RefundIdReused("Use a new id for every refund.")
        if refund.state is RefundState.REQUESTED:
            key = provider_key(payment.id, Purpose.REFUND, refund.id)
            return await self._claim(unit, payment, key)
        payment = await unit.payments.touch(payment)
        told = tell_refunded if refund.state is RefundState.SUCCEEDED else tell_refund_failed
        await told(unit, payment, refund)
        return None


async def _locked(unit: Unit, order_id: str) -> Payment:
    payment = await unit.payments.locked_by_order(order_id)
    if payment is None:
        raise PaymentNotFound
    return payment

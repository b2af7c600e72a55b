"""Brings calls to the provider to an end: ask with no transaction open, then commit what the answer means.

The intent was committed before (T1). Effect, ledger and event commit together (T2), once per call, whoever learns
the answer first: this process, another one after a crash, the timer or a webhook.
"""

import asyncio
from functools import partial
from typing import Final

from libs.money import Money
from libs.observability.logging import get_logger
from services.payment.clients.protocol import PaymentProvider
from services.payment.domain.ledger import capture_entries, refund_entries
from services.payment.domain.records import Operation, Payment, Work
from services.payment.domain.refusals import state_after_refund
from services.payment.domain.states import (
    IN_FLIGHT,
    ActionRequired,
    OperationState,
    PaymentState,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
    credible,
    next_state,
    pause_before_asking_again,
    provider_key,
)
from services.payment.errors import PaymentNotFound
from services.payment.repository.unit import Unit, Units
from services.payment.service.recording import record_refund
from services.payment.service.telling import tell, tell_refund_failed, tell_refunded

log = get_logger(__name__)

_BATCH: Final = 10


class Settlement:
    """Drives operations. `lease_seconds` must exceed the longest a process takes between T1 and T2."""

    def __init__(self, units: Units, provider: PaymentProvider, *, lease_seconds: float) -> None:
        self._units = units
        self._provider = provider
        self.lease_seconds = lease_seconds

    async def carry_on(self, work: Work | None) -> None:
        """Make the call, settle it, and make the call that follows from it, if any."""
        while work is not None:
            verdict = credible(await self._ask(work), work.operation.money)
            work = await self._units.run(partial(self._conclude, work=work, verdict=verdict))

    async def settle_due(self) -> int:
        """Take up every call whose process died or whose answer is unknown; returns how many."""
        settled = 0
        while works := await self._units.run(self._claim_due):
            await asyncio.gather(*(self._carry_on_safely(work) for work in works))
            settled += len(works)
        return settled

    async def _carry_on_safely(self, work: Work) -> None:
        try:
            await self.carry_on(work)
        except Exception:
            # One call that cannot be settled must not hold up the others; its lease runs out.
            log.exception("provider_call_not_settled", key=work.operation.key)

    async def conclude(
        self, unit: Unit, payment: Payment, operation: Operation, verdict: Verdict
    ) -> Work | None:
        """Commit what an answer means; returns the call that follows. The payment's row must be locked.

        An answer to a call that is settled already changes nothing: that is what makes webhook, timer and
        response safe to arrive in any order.
        """
        if isinstance(verdict, ActionRequired):
            return await self._challenge(unit, payment, operation, verdict)
        if operation.purpose is Purpose.VOID and isinstance(verdict, Refused):
            verdict = Unknown(verdict.reason)
        if isinstance(verdict, Unknown):
            await _postpone(unit, payment, operation, verdict)
            return None
        done = isinstance(verdict, Succeeded)
        state = OperationState.SUCCEEDED if done else OperationState.REFUSED
        error = None if isinstance(verdict, Succeeded) else verdict.reason
        if not await unit.operations.settle(operation.key, state, error=error):
            return None
        if operation.refund_id is not None:
            await _conclude_refund(unit, payment, operation.refund_id, verdict)
            return None
        return await self._move(unit, payment, operation, verdict)

    async def _ask(self, work: Work) -> Verdict:
        if work.operation.attempts > 1:
            known = await self._provider.find_by_key(work)
            if known is not None:
                return known
        calls = {
            Purpose.AUTHORIZE: self._provider.authorize,
            Purpose.CAPTURE: self._provider.capture,
            Purpose.VOID: self._provider.void,
            Purpose.REFUND: self._provider.refund,
        }
        return await calls[work.operation.purpose](work)

    async def _conclude(self, unit: Unit, *, work: Work, verdict: Verdict) -> Work | None:
        payment = await unit.payments.locked(work.payment.id)
        if payment is None:
            raise PaymentNotFound
        return await self.conclude(unit, payment, work.operation, verdict)

    async def _claim_due(self, unit: Unit) -> list[Work]:
        claimed = await unit.operations.claim_due(limit=_BATCH, lease_seconds=self.lease_seconds)
        return [
            Work(payment, one)
            for one in claimed
            if (payment := await unit.payments.get(one.payment_id)) is not None
        ]

    async def _challenge(
        self, unit: Unit, payment: Payment, operation: Operation, verdict: ActionRequired
    ) -> Work | None:
        """Have the customer asked; the provider is asked again meanwhile, in case its webhook is lost."""
        pause = pause_before_asking_again(operation.attempts)
        waits = await unit.operations.postpone(
            operation.key, seconds=pause, error="requires_action", state=OperationState.WAITING
        )
        state = _next_state(operation, payment, verdict)
        if not waits or state is None:
            return None
        if state is PaymentState.VOIDING:
            await self.supersede(unit, payment)
        payment = await unit.payments.change(
            payment,
            state,
            provider_reference=verdict.reference,
            redirect_url=verdict.redirect_url,
        )
        await tell(unit, payment, state)
        return await self._void_next(unit, payment, operation.money)

    async def _move(
        self, unit: Unit, payment: Payment, operation: Operation, verdict: Succeeded | Refused
    ) -> Work | None:
        state = _next_state(operation, payment, verdict)
        if state is None:
            raise ImpossibleAnswerError(payment, operation)
        payment = await unit.payments.change(payment, state, **_facts(operation, verdict))
        if state is PaymentState.CAPTURED:
            await unit.ledger.post(payment, Purpose.CAPTURE, capture_entries(operation.money))
        await tell(unit, payment, state)
        return await self._void_next(unit, payment, operation.money)

    async def _void_next(self, unit: Unit, payment: Payment, money: Money) -> Work | None:
        if payment.state is not PaymentState.VOIDING:
            return None
        return await self.begin(unit, payment, Purpose.VOID, money)

    async def supersede(self, unit: Unit, payment: Payment) -> None:
        """Close the call the payment waits for, because another one makes its answer irrelevant."""
        purpose = IN_FLIGHT.get(payment.state)
        if purpose is not None:
            key = provider_key(payment.id, purpose)
            await unit.operations.settle(key, OperationState.REFUSED, error="superseded")

    async def begin(
        self,
        unit: Unit,
        payment: Payment,
        purpose: Purpose,
        money: Money,
        refund_id: str | None = None,
    ) -> Work:
        """Record the intent of a call this process is about to make."""
        operation = await unit.operations.intend(
            payment.id, purpose, money, lease_seconds=self.lease_seconds, refund_id=refund_id
        )
        return Work(payment, operation)


class ImpossibleAnswerError(Exception):
    """An open call does not fit the state of its payment: their changes commit together, so this is a fault."""

    def __init__(self, payment: Payment, operation: Operation) -> None:
        super().__init__(f"{operation.key} answered while {payment.id} is {payment.state}")


async def _postpone(unit: Unit, payment: Payment, operation: Operation, verdict: Unknown) -> None:
    pause = pause_before_asking_again(operation.attempts)
    if not await unit.operations.postpone(operation.key, seconds=pause, error=verdict.reason):
        return
    log.warning(
        "provider_outcome_unknown",
        payment_id=payment.id,
        purpose=operation.purpose,
        reason=verdict.reason,
        attempts=operation.attempts,
        asked_again_in_seconds=pause,
    )
    state = _next_state(operation, payment, verdict)
    if state is not None:
        await tell(unit, await unit.payments.change(payment, state), state)


def _next_state(operation: Operation, payment: Payment, verdict: Verdict) -> PaymentState | None:
    return next_state(
        operation.purpose,
        payment.state,
        verdict,
        void_requested=payment.void_requested,
        capture_refused=payment.decline_reason is not None,
    )


def _facts(operation: Operation, verdict: Succeeded | Refused) -> dict[str, object]:
    """Name the columns that an answer fills besides the state."""
    if isinstance(verdict, Refused):
        return {"decline_reason": verdict.reason}
    if operation.purpose is Purpose.AUTHORIZE:
        return {"provider_reference": verdict.reference}
    if operation.purpose is Purpose.CAPTURE:
        return {"captured_minor": operation.money.amount_minor}
    return {}


async def _conclude_refund(
    unit: Unit, payment: Payment, refund_id: str, verdict: Succeeded | Refused
) -> None:
    if isinstance(verdict, Refused):
        failed = await unit.refunds.settle(refund_id, failure_reason=verdict.reason)
        await record_refund(unit, payment, failed)
        await tell_refund_failed(unit, await unit.payments.touch(payment), failed)
        return
    refund = await unit.refunds.settle(refund_id, reference=verdict.reference)
    refunded = payment.refunded_minor + refund.money.amount_minor
    payment = await unit.payments.change(
        payment, state_after_refund(payment.captured_minor, refunded), refunded_minor=refunded
    )
    await unit.ledger.post(payment, f"{Purpose.REFUND}:{refund.id}", refund_entries(refund.money))
    await record_refund(unit, payment, refund)
    await tell_refunded(unit, payment, refund)

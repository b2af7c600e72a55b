"""Stripe, through its official library: payment intents with manual capture, and refunds.

A key of ours is Stripe's idempotency key. Stripe cannot be asked about a key; within a key's lifetime the repeated call
itself is the question, because Stripe answers it with what it did the first time. Once a payment intent is known, its
present state is read instead: the remembered answer may be older than what the customer did since.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeVar

import stripe
from pydantic import ValidationError

from libs.clock import Clock
from services.payment.clients.stripe_amounts import to_stripe
from services.payment.clients.stripe_objects import (
    Charged,
    Failure,
    Intent,
    Refund,
    read_object,
    verdict_of,
)
from services.payment.domain.records import Work
from services.payment.domain.states import Purpose, Refused, Unknown, Verdict

KEY_LIFETIME: Final = timedelta(hours=23)
"""Stripe forgets a key after 24 hours at the earliest; an hour is left for clocks and slow calls."""

_CLOCK_SKEW_SECONDS: Final = 300
_PAGE: Final = 100

_UNEXPECTED_STATE: Final = "payment_intent_unexpected_state"
"""The intent is elsewhere already: its state, not this refusal, answers the call."""

Asked = TypeVar("Asked")


class StripeProvider:
    """Speaks to Stripe. `timeout_seconds` bounds a whole call, from connecting to the last byte."""

    def __init__(
        self, client: stripe.StripeClient, *, timeout_seconds: float, clock: Clock
    ) -> None:
        self._v1 = client.v1
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    async def authorize(self, work: Work) -> Verdict:
        amount = to_stripe(work.operation.money)
        if amount is None:
            return Refused("amount_not_chargeable")
        params: stripe.params.PaymentIntentCreateParams = {
            "amount": amount,
            "currency": work.operation.money.currency.lower(),
            "payment_method": work.payment.payment_method or "",
            "allowed_payment_method_types": ["card"],
            "capture_method": "manual",
            "confirm": True,
            "metadata": _metadata(work),
        }
        if work.payment.return_url is not None:
            params["return_url"] = work.payment.return_url
        return await self._post(
            work, lambda options: self._v1.payment_intents.create_async(params, options)
        )

    async def capture(self, work: Work) -> Verdict:
        amount = to_stripe(work.operation.money)
        if amount is None:
            return Refused("amount_not_chargeable")
        intent = work.payment.provider_reference or ""
        return await self._post(
            work,
            lambda options: self._v1.payment_intents.capture_async(
                intent, {"amount_to_capture": amount}, options
            ),
        )

    async def void(self, work: Work) -> Verdict:
        intent = work.payment.provider_reference or ""
        return await self._post(
            work, lambda options: self._v1.payment_intents.cancel_async(intent, {}, options)
        )

    async def refund(self, work: Work) -> Verdict:
        amount = to_stripe(work.operation.money)
        if amount is None:
            return Refused("amount_not_chargeable")
        params: stripe.params.RefundCreateParams = {
            "payment_intent": work.payment.provider_reference or "",
            "amount": amount,
            "metadata": _metadata(work),
        }
        return await self._post(
            work, lambda options: self._v1.refunds.create_async(params, options)
        )

    async def find_by_key(self, work: Work) -> Verdict | None:
        purpose = work.operation.purpose
        if work.payment.provider_reference is None:
            return await self._find_unreferenced(work)
        if purpose is Purpose.REFUND:
            return await self._ask(lambda: self._listed_refund(work))
        verdict = await self._ask(lambda: self._intent_now(work))
        # The intent still waits to be captured or cancelled: the call had no effect, and may be made again.
        untouched = purpose is not Purpose.AUTHORIZE and _is_waiting(verdict)
        return None if untouched else verdict

    async def _find_unreferenced(self, work: Work) -> Verdict | None:
        """Look for an authorisation whose answer was lost.

        While its key lives the repeated call finds it. Later only the list does, which is complete, unlike search.
        """
        if self._clock.now() < work.payment.created_at + KEY_LIFETIME:
            return None
        return await self._ask(lambda: self._listed_intent(work))

    async def _post(
        self,
        work: Work,
        call: Callable[[stripe.RequestOptions], Awaitable[stripe.StripeObject]],
    ) -> Verdict:
        if work.operation.purpose is not Purpose.AUTHORIZE and not work.payment.provider_reference:
            return Unknown("reference_missing")
        verdict = await self._ask(lambda: self._called(work, call))
        return Unknown("answer_missing") if verdict is None else verdict

    async def _called(
        self,
        work: Work,
        call: Callable[[stripe.RequestOptions], Awaitable[stripe.StripeObject]],
    ) -> Verdict | None:
        try:
            answer = await call({"idempotency_key": work.operation.key})
        except stripe.InvalidRequestError as error:
            if error.code == _UNEXPECTED_STATE:
                return await self._intent_now(work)
            raise
        except stripe.APIError as error:
            # A remembered failure is all the key will ever answer, but the call may have had its effect.
            if _is_replay(error.headers) and work.operation.purpose is Purpose.AUTHORIZE:
                return await self._listed_intent(work) or _failure(error)
            raise
        charged = _read(work, answer)
        response = answer.last_response
        if response is not None and _is_replay(response.headers):
            return await self._now(work, charged)
        return verdict_of(work.operation.purpose, charged)

    async def _now(self, work: Work, remembered: Charged) -> Verdict:
        """Read what a remembered answer was about as it is today."""
        if work.operation.purpose is Purpose.REFUND:
            answer: stripe.StripeObject = await self._v1.refunds.retrieve_async(remembered.id)
        else:
            answer = await self._v1.payment_intents.retrieve_async(remembered.id)
        return verdict_of(work.operation.purpose, _read(work, answer))

    async def _intent_now(self, work: Work) -> Verdict:
        intent = await self._v1.payment_intents.retrieve_async(
            work.payment.provider_reference or ""
        )
        return verdict_of(work.operation.purpose, _read(work, intent))

    async def _listed_refund(self, work: Work) -> Verdict | None:
        listed = await self._v1.refunds.list_async(
            {"payment_intent": work.payment.provider_reference or "", "limit": _PAGE}
        )
        async for refund in listed.auto_paging_iter():
            found = Refund.model_validate(refund.to_dict())
            if found.metadata.get("refund_id") == work.operation.refund_id:
                return found.verdict()
        return None

    async def _listed_intent(self, work: Work) -> Verdict | None:
        since = int(work.payment.created_at.timestamp()) - _CLOCK_SKEW_SECONDS
        listed = await self._v1.payment_intents.list_async(
            {"created": {"gte": since}, "limit": _PAGE}
        )
        async for intent in listed.auto_paging_iter():
            found = Intent.model_validate(intent.to_dict())
            if found.metadata.get("payment_id") == work.payment.id:
                return found.verdict(work.operation.purpose)
        return None

    async def _ask(self, question: Callable[[], Awaitable[Verdict | None]]) -> Verdict | None:
        """Ask within the time allowed; whatever fails says nothing about the money unless Stripe says it does."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await question()
        except TimeoutError:
            return Unknown("timeout")
        except (ValidationError, AttributeError, ValueError):
            return Unknown("answer_unreadable")
        except stripe.StripeError as error:
            return _failure(error)


def _read(work: Work, answer: stripe.StripeObject) -> Charged:
    return read_object(work.operation.purpose, answer.to_dict())


def _is_waiting(verdict: Verdict | None) -> bool:
    return isinstance(verdict, Unknown) and verdict.reason.startswith("intent_requires_")


def _is_replay(headers: Mapping[str, str] | None) -> bool:
    return headers is not None and headers.get("idempotent-replayed") == "true"


def _failure(error: stripe.StripeError) -> Verdict:
    """Sort an error: refused for good only where Stripe says that it did not and will not."""
    if isinstance(error, stripe.CardError):
        given = error.error
        return Refused(
            Failure(code=error.code, decline_code=getattr(given, "decline_code", None)).reason
        )
    if isinstance(error, stripe.IdempotencyError):
        return Unknown("idempotency_key_reused")
    if isinstance(error, stripe.APIConnectionError):
        return Unknown(error.user_message or "transport")
    if (
        isinstance(error, stripe.InvalidRequestError)
        and error.http_status == HTTPStatus.BAD_REQUEST
    ):
        return Refused(error.code or "request_invalid")
    if error.http_status is None or error.http_status < HTTPStatus.BAD_REQUEST:
        return Unknown("answer_unreadable")
    return Unknown(f"http_{error.http_status}")


def _metadata(work: Work) -> dict[str, str]:
    refund = {"refund_id": work.operation.refund_id} if work.operation.refund_id else {}
    return {"payment_id": work.payment.id, "order_id": work.payment.order_id, **refund}

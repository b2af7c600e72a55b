"""Stripe's book, as far as the daily comparison reads it: payment intents, what was captured, refunds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar

import stripe
from pydantic import ValidationError

from services.payment.clients.protocol import BookUnreadable
from services.payment.clients.stripe_amounts import from_stripe
from services.payment.clients.stripe_objects import Intent, Refund
from services.payment.domain.reconciliation import Charge, Movement, Returned, Theirs
from services.payment.domain.states import RefundState

_PAGE: Final = 100

_STATES: Final = {
    "requires_capture": Theirs.RESERVED,
    "succeeded": Theirs.TAKEN,
    "canceled": Theirs.RELEASED,
    "requires_payment_method": Theirs.DECLINED,
}
_REFUNDS: Final = {
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}

Asked = TypeVar("Asked")


class StripeBook:
    """Reads Stripe's lists, which are complete at once; search is not. `timeout_seconds` bounds each page."""

    def __init__(self, client: stripe.StripeClient, *, timeout_seconds: float) -> None:
        self._v1 = client.v1
        self._timeout_seconds = timeout_seconds

    async def movements(self, day: date) -> AsyncIterator[Movement]:
        start = int(datetime.combine(day, time(), UTC).timestamp())
        within: stripe.params.PaymentIntentListParamsCreated = {
            "gte": start,
            "lt": start + int(timedelta(days=1).total_seconds()),
        }
        made: set[str] = set()
        async for found in self._all(
            lambda: self._v1.payment_intents.list_async({"created": {**within}, "limit": _PAGE})
        ):
            intent = _read(Intent, found)
            made.add(intent.id)
            yield _charge(intent)
        async for moved in self._taken({**within}):
            if moved not in made:
                made.add(moved)
                charge = await self.charge(moved)
                if charge is not None:
                    yield charge
        async for found in self._all(
            lambda: self._v1.refunds.list_async({"created": {**within}, "limit": _PAGE})
        ):
            yield _returned(_read(Refund, found))

    async def charge(self, reference: str) -> Charge | None:
        try:
            found = await self._ask(lambda: self._v1.payment_intents.retrieve_async(reference))
        except _NotFoundError:
            return None
        return _charge(_read(Intent, found))

    async def refunds_of(self, reference: str) -> list[Returned]:
        return [
            _returned(_read(Refund, found))
            async for found in self._all(
                lambda: self._v1.refunds.list_async({"payment_intent": reference, "limit": _PAGE})
            )
        ]

    async def _taken(
        self, within: stripe.params.BalanceTransactionListParamsCreated
    ) -> AsyncIterator[str]:
        """List the intents captured on a day: each capture is a movement of the balance, whenever it was authorised."""
        async for found in self._all(
            lambda: self._v1.balance_transactions.list_async(
                {
                    "created": {**within},
                    "type": "charge",
                    "expand": ["data.source"],
                    "limit": _PAGE,
                }
            )
        ):
            source = found.to_dict().get("source")
            intent = source.get("payment_intent") if isinstance(source, dict) else None
            if isinstance(intent, str):
                yield intent

    async def _all(
        self, first: Callable[[], Awaitable[stripe.ListObject[Any]]]
    ) -> AsyncIterator[stripe.StripeObject]:
        page = await self._ask(first)
        while not page.is_empty:
            for found in page.data:
                yield found
            page = await self._ask(page.next_page_async)

    async def _ask(self, question: Callable[[], Awaitable[Asked]]) -> Asked:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await question()
        except stripe.InvalidRequestError as error:
            if error.http_status == HTTPStatus.NOT_FOUND:
                raise _NotFoundError from error
            raise BookUnreadable(f"HTTP {error.http_status}") from error
        except (TimeoutError, stripe.StripeError) as error:
            raise BookUnreadable(type(error).__name__) from error


class _NotFoundError(Exception):
    """Stripe has no such object."""


Kind = TypeVar("Kind", Intent, Refund)


def _read(kind: type[Kind], found: stripe.StripeObject) -> Kind:
    try:
        return kind.model_validate(found.to_dict())
    except ValidationError as error:
        raise BookUnreadable("answer unreadable") from error


def _charge(intent: Intent) -> Charge:
    amount, currency = _money(intent.amount, intent.currency)
    taken, _ = _money(intent.amount_received, intent.currency)
    return Charge(
        reference=intent.id,
        payment_id=intent.metadata.get("payment_id"),
        order_id=intent.metadata.get("order_id"),
        state=_STATES.get(intent.status, Theirs.OPEN),
        amount_minor=amount,
        taken_minor=taken,
        currency=currency,
    )


def _returned(refund: Refund) -> Returned:
    amount, currency = _money(refund.amount, refund.currency)
    return Returned(
        reference=refund.id,
        charge_reference=refund.payment_intent,
        payment_id=refund.metadata.get("payment_id"),
        order_id=refund.metadata.get("order_id"),
        refund_id=refund.metadata.get("refund_id"),
        state=_REFUNDS.get(refund.status or ""),
        amount_minor=amount,
        currency=currency,
    )


def _money(amount: int, currency: str) -> tuple[int, str]:
    """Return an amount in our minor units; as Stripe counts it in a currency we do not sell in."""
    money = from_stripe(amount, currency)
    return (money.amount_minor, money.currency) if money else (amount, currency.upper())

"""Compares one day of the provider's book with ours, page by page; remembers ids only."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from services.payment.clients.protocol import ProviderBook
from services.payment.domain.cases import Tally
from services.payment.domain.reconciliation import (
    CLAIMING,
    Break,
    Charge,
    Day,
    Movement,
    OurRefund,
    Returned,
    capture_unbooked,
    compare_charge,
    compare_return,
    duplicate,
    missing_charge,
    missing_return,
    refund_unbooked,
)
from services.payment.domain.records import Payment
from services.payment.repository.unit import Unit, Units

_PAGE: Final = 200


class Comparison:
    """One run. Theirs is read first and ours after it, so that what they did for us is never missing here."""

    def __init__(self, units: Units, book: ProviderBook, day: Day) -> None:
        self._units = units
        self._book = book
        self._day = day
        self._breaks: list[Break] = []
        self._charges: set[str] = set()
        self._paid: dict[str, str] = {}
        self._returned: set[str] = set()
        self._counts = {"charges": 0, "refunds": 0, "payments": 0}

    async def run(self) -> tuple[list[Break], Tally]:
        """Return every difference and how much was compared.

        Raises:
            BookUnreadable: the provider did not show its book.
        """
        async for page in _pages(self._book.movements(self._day.date)):
            await self._compare_theirs(page)
        await self._compare_our_payments()
        await self._compare_our_refunds()
        return self._breaks, Tally(**self._counts, breaks=len(self._breaks))

    async def _compare_theirs(self, page: list[Movement]) -> None:
        charges = [movement for movement in page if isinstance(movement, Charge)]
        returned = [movement for movement in page if isinstance(movement, Returned)]
        by_id, by_reference = await self._units.run(
            lambda unit: unit.books.payments(
                {charge.payment_id for charge in charges if charge.payment_id},
                {charge.reference for charge in charges},
            )
        )
        for charge in charges:
            payment = by_id.get(charge.payment_id or "") or by_reference.get(charge.reference)
            self._take_charge(charge, payment)
        refunds = await self._units.run(
            lambda unit: unit.books.refunds({one.refund_id for one in returned if one.refund_id})
        )
        for one in returned:
            self._take_return(one, refunds.get(one.refund_id or ""))

    def _take_charge(self, charge: Charge, payment: Payment | None) -> None:
        self._counts["charges"] += 1
        self._charges.add(charge.reference)
        found = compare_charge(charge, payment, self._day)
        if payment is not None and charge.is_live:
            first = self._paid.setdefault(payment.id, charge.reference)
            if first != charge.reference and payment.provider_reference is None:
                found = duplicate(charge)
        self._add(found)

    def _take_return(self, returned: Returned, refund: OurRefund | None) -> None:
        self._counts["refunds"] += 1
        if refund is not None and refund.id in self._returned:
            self._add(duplicate(returned))
            return
        if refund is not None:
            self._returned.add(refund.id)
        self._add(compare_return(returned, refund, self._day))

    async def _compare_our_payments(self) -> None:
        after = ""
        while page := await self._units.run(partial(self._payments, after=after)):
            booked = await self._units.run(
                partial(_booked, payment_ids=[payment.id for payment in page])
            )
            for payment in page:
                await self._take_payment(payment, booked.get((payment.id, "capture")))
            after = page[-1].id

    async def _take_payment(self, payment: Payment, booked_minor: int | None) -> None:
        self._counts["payments"] += 1
        if payment.updated_at > self._day.quiet_since:
            return
        self._add(capture_unbooked(payment, booked_minor))
        reference = payment.provider_reference
        if payment.state not in CLAIMING or reference in self._charges:
            return
        # Made on another day, or not at all.
        charge = await self._book.charge(reference) if reference else None
        self._add(
            missing_charge(payment)
            if charge is None
            else compare_charge(charge, payment, self._day)
        )

    async def _compare_our_refunds(self) -> None:
        after = ""
        while page := await self._units.run(partial(self._refunds, after=after)):
            booked = await self._units.run(
                partial(_booked, payment_ids=[refund.payment_id for refund in page])
            )
            for refund in page:
                await self._take_refund(
                    refund, booked.get((refund.payment_id, f"refund:{refund.id}"))
                )
            after = page[-1].id

    async def _take_refund(self, refund: OurRefund, booked_minor: int | None) -> None:
        if refund.updated_at > self._day.quiet_since:
            return
        self._add(refund_unbooked(refund, booked_minor))
        if refund.id in self._returned:
            return
        known = (
            await self._book.refunds_of(refund.charge_reference) if refund.charge_reference else []
        )
        if not any(one.refund_id == refund.id for one in known):
            self._add(missing_return(refund))

    async def _payments(self, unit: Unit, *, after: str) -> list[Payment]:
        return await unit.books.payments_of_day(self._day.date, after=after, limit=_PAGE)

    async def _refunds(self, unit: Unit, *, after: str) -> list[OurRefund]:
        return await unit.books.refunds_of_day(self._day.date, after=after, limit=_PAGE)

    def _add(self, found: Break | None) -> None:
        if found is not None:
            self._breaks.append(found)


async def _booked(unit: Unit, *, payment_ids: list[str]) -> dict[tuple[str, str], int]:
    return await unit.books.booked(payment_ids)


async def _pages(movements: AsyncIterator[Movement]) -> AsyncIterator[list[Movement]]:
    page: list[Movement] = []
    async for movement in movements:
        page.append(movement)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page

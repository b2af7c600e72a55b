"""A unit of work: every repository and the outbox over one session, so that use cases never see the session."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.log import AuditLog
from libs.database.session import Database
from libs.messaging.outbox import Outbox
from services.payment.repository.books import BookRepository
from services.payment.repository.cases import CaseRepository
from services.payment.repository.ledger import LedgerRepository
from services.payment.repository.operations import OperationRepository
from services.payment.repository.payments import PaymentRepository, RefundRepository
from services.payment.repository.provider_events import ProviderEventRepository
from services.payment.repository.runs import RunRepository

T = TypeVar("T")


@dataclass(frozen=True)
class Unit:
    """What commits together, and the record of it."""

    payments: PaymentRepository
    operations: OperationRepository
    refunds: RefundRepository
    ledger: LedgerRepository
    provider_events: ProviderEventRepository
    books: BookRepository
    runs: RunRepository
    cases: CaseRepository
    outbox: Outbox
    audit: AuditLog


def unit_of(session: AsyncSession, outbox: Outbox) -> Unit:
    """Build the unit of one session."""
    return Unit(
        payments=PaymentRepository(session),
        operations=OperationRepository(session),
        refunds=RefundRepository(session),
        ledger=LedgerRepository(session),
        provider_events=ProviderEventRepository(session),
        books=BookRepository(session),
        runs=RunRepository(session),
        cases=CaseRepository(session),
        outbox=outbox,
        audit=AuditLog(session),
    )


class Units:
    """Opens short transactions between which the provider is called.

    At most `at_once` of them hold a connection at a time: when the provider comes back after a pause, everything that
    waited for it goes on together, and the requests of the same process need connections too.
    """

    def __init__(
        self, database: Database, outbox_of: Callable[[AsyncSession], Outbox], *, at_once: int
    ) -> None:
        self._database = database
        self._outbox_of = outbox_of
        self._places = asyncio.Semaphore(at_once)

    async def run(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        """Run the work in one transaction, again if it lost a conflict, and commit it."""

        async def in_session(session: AsyncSession) -> T:
            return await work(unit_of(session, self._outbox_of(session)))

        async with self._places:
            return await self._database.run(in_session)

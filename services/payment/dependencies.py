"""Builds payment's use cases: from a request's session for the routes, from the process's resources for the worker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends

from libs.contracts.payment import PaymentErasureCompleted
from libs.database.session import SessionDep
from libs.erasure.part import ErasurePart
from libs.runtime.resources import Resources, ResourcesDep
from libs.security.dependencies import authenticated, authenticated_live
from libs.security.principal import Principal
from services.payment.clients.choice import EVENT_READERS, open_book, open_provider
from services.payment.clients.guarded import GuardedProvider, provider_breaker
from services.payment.repository.erasure import remove_payments
from services.payment.repository.unit import Unit, Units, unit_of
from services.payment.service.cases import CaseDesk
from services.payment.service.commands import PaymentCommands
from services.payment.service.ledger_check import LedgerCheck
from services.payment.service.queries import ADMIN_SCOPE, PaymentQueries
from services.payment.service.reconciliation import Reconciliation
from services.payment.service.settlement import Settlement
from services.payment.service.vitals import Vitals
from services.payment.service.webhooks import WebhookInbox, WebhookProcessor
from services.payment.settings import PaymentSettings

ERASURE: Final = ErasurePart(remove_payments, PaymentErasureCompleted)

PaymentsRead = Annotated[Principal, Depends(authenticated("payments:read"))]
LedgerRead = Annotated[Principal, Depends(authenticated_live(ADMIN_SCOPE))]
ReconciliationAdmin = Annotated[Principal, Depends(authenticated_live(ADMIN_SCOPE))]


async def _unit(session: SessionDep, resources: ResourcesDep) -> Unit:
    return unit_of(session, resources.outbox(session))


UnitDep = Annotated[Unit, Depends(_unit)]


async def _queries(unit: UnitDep) -> PaymentQueries:
    return PaymentQueries(unit)


async def _case_desk(unit: UnitDep) -> CaseDesk:
    return CaseDesk(unit)


def _inbox_of(provider: str) -> Callable[[Unit, Resources], Awaitable[WebhookInbox]]:
    async def inbox(unit: UnitDep, resources: ResourcesDep) -> WebhookInbox:
        secrets = resources.settings_as(PaymentSettings).webhook_secrets(provider)
        return WebhookInbox(unit, provider, secrets, resources.clock)

    return inbox


QueriesDep = Annotated[PaymentQueries, Depends(_queries)]
CaseDeskDep = Annotated[CaseDesk, Depends(_case_desk)]
SimulatorInboxDep = Annotated[WebhookInbox, Depends(_inbox_of("simulator"))]
StripeInboxDep = Annotated[WebhookInbox, Depends(_inbox_of("stripe"))]


@dataclass(frozen=True)
class PaymentParts:
    """The use cases a worker runs."""

    commands: PaymentCommands
    settlement: Settlement
    webhooks: WebhookProcessor
    provider: GuardedProvider
    vitals: Vitals
    reconciliation: Reconciliation


def build_payment_parts(resources: Resources) -> PaymentParts:
    """Build the worker's use cases; each opens its own short transactions."""
    settings = resources.settings_as(PaymentSettings)
    units = Units(resources.database, resources.outbox, at_once=settings.transactions_at_once)
    provider = open_provider(settings, resources.http, resources.clock)
    guarded = GuardedProvider(
        provider,
        breaker=provider_breaker(),
        at_once=settings.provider_calls_at_once,
        wait_seconds=settings.provider_wait_seconds,
    )
    settlement = Settlement(units, guarded, lease_seconds=settings.lease_seconds)
    return PaymentParts(
        commands=PaymentCommands(units, settlement, region=settings.region),
        settlement=settlement,
        webhooks=WebhookProcessor(units, settlement, EVENT_READERS),
        provider=guarded,
        vitals=Vitals(units, LedgerCheck(units)),
        reconciliation=build_reconciliation(resources),
    )


def build_reconciliation(resources: Resources) -> Reconciliation:
    """Build the daily comparison with the provider's book."""
    settings = resources.settings_as(PaymentSettings)
    return Reconciliation(
        Units(resources.database, resources.outbox, at_once=1),
        open_book(settings, resources.http),
        provider=settings.payment_provider,
        clock=resources.clock,
        at=settings.reconciliation_at,
        lag_seconds=settings.reconciliation_lag_seconds,
    )

"""Builds product's collaborators for routes, consumers and timers, and names who may call."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.log import AuditLog
from libs.contracts.product import ProductErasureCompleted
from libs.database.session import SessionDep, after_commit
from libs.erasure.part import ErasurePart
from libs.messaging.outbox import Outbox
from libs.runtime.resources import Resources, ResourcesDep
from libs.security.dependencies import authenticated_live, optional_principal, service_caller
from libs.security.principal import Principal
from services.product.repository.buckets import BucketRepository
from services.product.repository.catalogue import CatalogueRepository
from services.product.repository.categories import CategoryRepository
from services.product.repository.erasure import remove_nothing
from services.product.repository.reservations import ReservationRepository
from services.product.repository.stock import StockRepository
from services.product.service.catalogue import CachedCatalogue, OfferReader, forget_soon
from services.product.service.conservation import ConservationRound
from services.product.service.editing import CatalogueEditor
from services.product.service.moving import StockMover
from services.product.service.reservations import Reservations
from services.product.service.stock import StockKeeper
from services.product.settings import ProductSettings

CATALOGUE_SCOPE = "catalogue:write"
STOCK_SCOPE = "stock:write"
ERASURE: Final = ErasurePart(remove_nothing, ProductErasureCompleted)

Visitor = Annotated[Principal | None, Depends(optional_principal)]
CatalogueWrite = Annotated[Principal, Depends(authenticated_live(CATALOGUE_SCOPE))]
StockWrite = Annotated[Principal, Depends(authenticated_live(STOCK_SCOPE))]
Caller = Annotated[str, Depends(service_caller())]


def build_reservations(session: AsyncSession, outbox: Outbox, home_region: str) -> Reservations:
    """Build the use cases on reservations for one transaction."""
    return Reservations(
        reservations=ReservationRepository(session, home_region),
        stock=StockMover(StockRepository(session), BucketRepository(session)),
        catalogue=CatalogueRepository(session, home_region),
        outbox=outbox,
    )


def build_stock_keeper(session: AsyncSession, outbox: Outbox) -> StockKeeper:
    """Build the use cases on stock for one transaction."""
    return StockKeeper(
        StockRepository(session), BucketRepository(session), outbox, AuditLog(session)
    )


async def cached_catalogue(resources: ResourcesDep) -> CachedCatalogue:
    """Build the cached reads; opens no session unless the cache is cold."""
    return CachedCatalogue(
        resources.database, resources.byte_cache, resources.cursors, resources.settings.region
    )


async def offer_reader(session: SessionDep, resources: ResourcesDep) -> OfferReader:
    """Build the uncached reads."""
    return OfferReader(CatalogueRepository(session, resources.settings.region))


async def catalogue_editor(session: SessionDep, resources: ResourcesDep) -> CatalogueEditor:
    """Build the admin's use cases."""

    def forget(names: Sequence[str]) -> None:
        after_commit(session, lambda: forget_soon(resources.byte_cache, names))

    region = resources.settings.region
    return CatalogueEditor(
        products=CatalogueRepository(session, region),
        categories=CategoryRepository(session, region),
        stock=StockRepository(session),
        outbox=resources.outbox(session),
        audit=resources.audit(session),
        forget=forget,
        clock=resources.clock,
        home_region=region,
    )


async def stock_keeper(session: SessionDep, resources: ResourcesDep) -> StockKeeper:
    """Build the use cases on stock."""
    return build_stock_keeper(session, resources.outbox(session))


async def reservations(session: SessionDep, resources: ResourcesDep) -> Reservations:
    """Build the use cases on reservations for a request."""
    return build_reservations(session, resources.outbox(session), resources.settings.region)


def hold_seconds(resources: Resources) -> int:
    """Return how long a hold lasts unless the caller says otherwise."""
    return resources.settings_as(ProductSettings).reservation_ttl_seconds


async def expire_due(resources: Resources, batch: int) -> int:
    """Expire all due holds, a batch per transaction; returns how many there were."""

    async def one_batch(session: AsyncSession) -> int:
        service = build_reservations(session, resources.outbox(session), resources.settings.region)
        return await service.expire(batch)

    total = 0
    while expired := await resources.database.run(one_batch):
        total += expired
    return total


async def announce_spread(resources: Resources) -> None:
    """Tell what is left of spread SKUs that changed."""

    async def tell(session: AsyncSession) -> int:
        return await build_stock_keeper(session, resources.outbox(session)).announce_spread()

    await resources.database.run(tell)


async def even_out_spread(resources: Resources) -> int:
    """Share the pieces of spread SKUs out anew where a bucket ran empty beside full ones; returns how many SKUs."""
    async with resources.database.transaction() as session:
        skus = await BucketRepository(session).uneven_skus()
    for sku in skus:
        await resources.database.run(partial(_share_out, sku))
    return len(skus)


async def _share_out(sku: str, session: AsyncSession) -> None:
    await BucketRepository(session).share_out(sku)


def conservation_round(resources: Resources) -> ConservationRound:
    """Build the check that walks through all SKUs."""
    settings = resources.settings_as(ProductSettings)
    return ConservationRound(
        resources.database,
        page=settings.conservation_page_size,
        budget_seconds=settings.conservation_budget_seconds,
    )


CatalogueDep = Annotated[CachedCatalogue, Depends(cached_catalogue)]
OffersDep = Annotated[OfferReader, Depends(offer_reader)]
EditorDep = Annotated[CatalogueEditor, Depends(catalogue_editor)]
StockDep = Annotated[StockKeeper, Depends(stock_keeper)]
ReservationsDep = Annotated[Reservations, Depends(reservations)]

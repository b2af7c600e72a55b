"""Queries on carts, and on what product has told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Text, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from libs.contracts.product import ProductChanged
from libs.erasure.tombstones import require_living
from services.cart.domain import Line, Offer
from services.cart.models import Cart, CartLine, KnownStock, KnownVariant


@dataclass(frozen=True)
class Owner:
    """Whose cart it is: a user's, kept in their home region, or a guest's by the hash of their token."""

    user_id: str | None
    guest_token_hash: bytes | None
    home_region: str | None = None

    def owns(self) -> ColumnElement[bool]:
        if self.user_id is not None:
            return Cart.user_id == self.user_id
        return Cart.guest_token_hash == self.guest_token_hash


@dataclass(frozen=True)
class Checksum:
    """The content of the projection in one line; equal content, equal digest."""

    variants: int
    stock: int
    digest: str

    def line(self) -> str:
        return f"{self.digest}  {self.variants} variants, {self.stock} stock levels"


Known = type[KnownVariant] | type[KnownStock]

_CHECKSUM = text("""
    WITH variants AS (
        SELECT count(*) AS rows, string_agg(encode(sha256(convert_to(jsonb_build_array(
            sku, product_id, title, is_for_sale, prices)::text, 'UTF8')), 'hex'), '' ORDER BY sku)
            AS content
        FROM known_variants
    ), stock AS (
        SELECT count(*) AS rows, string_agg(jsonb_build_array(sku, available)::text, '' ORDER BY sku)
            AS content
        FROM known_stock
    )
    SELECT variants.rows, stock.rows, encode(sha256(convert_to(
        coalesce(variants.content, '') || coalesce(stock.content, ''), 'UTF8')), 'hex')
    FROM variants, stock
""")


class CartRepository:
    """Carts with their lines, always looked up together with their owner."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, cart_id: str, owner: Owner) -> Cart | None:
        found: Cart | None = await self._session.scalar(
            select(Cart).where(Cart.id == cart_id, owner.owns())
        )
        return found

    async def find_locked(self, cart_id: str, owner: Owner | None = None) -> Cart | None:
        """Load a cart and hold its row until the transaction ends."""
        query = select(Cart).where(Cart.id == cart_id).with_for_update()
        if owner is not None:
            query = query.where(owner.owns())
        found: Cart | None = await self._session.scalar(query)
        return found

    async def id_of_active(self, owner: Owner) -> str | None:
        found: str | None = await self._session.scalar(
            select(Cart.id).where(owner.owns(), Cart.status == "active")
        )
        return found

    async def id_of_guest(self, token_hash: bytes) -> str | None:
        found: str | None = await self._session.scalar(
            select(Cart.id).where(Cart.guest_token_hash == token_hash)
        )
        return found

    async def require_living(self, user_id: str) -> None:
        """Refuse to open anything for somebody who is forgotten, and keep them from being so meanwhile."""
        await require_living(self._session, user_id)

    async def open_once(self, cart: Mapping[str, object]) -> bool:
        """Insert a cart unless its user has an active one; tell whether it was inserted."""
        inserted = await self._session.scalar(
            upsert(Cart).values(**cart).on_conflict_do_nothing().returning(Cart.id)
        )
        return inserted is not None

    async def lines_of(self, cart_id: str) -> list[Line]:
        rows = await self._session.scalars(
            select(CartLine).where(CartLine.cart_id == cart_id).order_by(CartLine.position)
        )
        return [
            Line(row.sku, row.title, row.quantity, row.unit_price_minor, row.price_version)
            for row in rows
        ]

    async def save(self, cart: Cart, lines: Sequence[Line], **changes: object) -> None:
        """Replace the lines of a locked cart and raise its version."""
        await self._session.execute(delete(CartLine).where(CartLine.cart_id == cart.id))
        if lines:
            await self._session.execute(
                insert(CartLine),
                [
                    {
                        "cart_id": cart.id,
                        "sku": line.sku,
                        "position": position,
                        "title": line.title,
                        "quantity": line.quantity,
                        "unit_price_minor": line.unit_price_minor,
                        "price_version": line.price_version,
                    }
                    for position, line in enumerate(lines)
                ],
            )
        await self._session.execute(
            update(Cart)
            .where(Cart.id == cart.id)
            .values(version=Cart.version + 1, updated_at=func.now(), **changes)
        )
        await self._session.refresh(cart)


class CatalogueRepository:
    """What product has told about variants and stock."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def offers(self, skus: Sequence[str], currency: str) -> dict[str, Offer]:
        """Return today's offers of those SKUs that are for sale in this currency."""
        rows = await self._session.execute(
            select(KnownVariant, KnownStock.available)
            .outerjoin(KnownStock, KnownStock.sku == KnownVariant.sku)
            .where(KnownVariant.sku.in_(skus), KnownVariant.is_for_sale)
        )
        return {
            variant.sku: Offer(
                variant.title,
                variant.prices[currency]["amount_minor"],
                variant.prices[currency]["version"],
                available,
            )
            for variant, available in rows
            if currency in variant.prices
        }

    async def knows(self, sku: str, currency: str) -> bool:
        """Tell whether nothing need be asked: product told everything, or the answer for this currency is kept."""
        variant = await self._session.get(KnownVariant, sku)
        return variant is not None and (variant.product_version > 0 or currency in variant.prices)

    async def apply_product(self, event: ProductChanged, version: int) -> None:
        """Keep the state of the event's variants; those of a newer version stay as they are."""
        for variant in event.variants:
            values = {
                "product_id": event.product_id,
                "title": _full_title(event.title, variant.title),
                "is_for_sale": event.status == "active",
                "prices": {
                    price.currency: {"amount_minor": price.amount_minor, "version": price.version}
                    for price in variant.prices
                },
                "product_version": version,
            }
            await self._session.execute(
                upsert(KnownVariant)
                .values(sku=variant.sku, **values)
                .on_conflict_do_update(
                    index_elements=[KnownVariant.sku],
                    set_={**values, "updated_at": func.now()},
                    where=KnownVariant.product_version < version,
                )
            )

    async def apply_answer(self, sku: str, product_id: str, currency: str, offer: Offer) -> None:
        """Keep what product answered about one SKU; any event is newer than an answer."""
        price = {currency: {"amount_minor": offer.unit_price_minor, "version": offer.price_version}}
        insertion = upsert(KnownVariant).values(
            sku=sku,
            product_id=product_id,
            title=offer.title,
            is_for_sale=True,
            prices=price,
            product_version=0,
        )
        await self._session.execute(
            insertion.on_conflict_do_update(
                index_elements=[KnownVariant.sku],
                set_={"prices": KnownVariant.prices.op("||")(insertion.excluded.prices)},
                where=KnownVariant.product_version == 0,
            )
        )
        if offer.available is not None:
            await self.apply_stock(sku, offer.available, 0)

    async def apply_stock(self, sku: str, available: int, version: int) -> None:
        """Keep the stock of a SKU unless a newer one is known."""
        await self._session.execute(
            upsert(KnownStock)
            .values(sku=sku, available=available, stock_version=version)
            .on_conflict_do_update(
                index_elements=[KnownStock.sku],
                set_={"available": available, "stock_version": version, "updated_at": func.now()},
                where=KnownStock.stock_version < version,
            )
        )


class ProjectionRepository:
    """What a rebuild does with everything product has told; customers see the old rows until newer ones come."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def now(self) -> datetime:
        moment: datetime = (
            await self._session.execute(select(func.clock_timestamp()))
        ).scalar_one()
        return moment

    async def checksum(self) -> Checksum:
        """Sum up what customers can see of it; versions, which only order the events, are left out."""
        return Checksum(*(await self._session.execute(_CHECKSUM)).one())

    async def doubt(self, known: Known, after: str, limit: int) -> str | None:
        """Let any event replace the rows that follow `after`; return the last of them, None at the end."""
        page = (
            select(known.sku)
            .where(known.sku > after)
            .order_by(known.sku)
            .limit(limit)
            .with_for_update()
            .subquery()
        )
        doubted = await self._session.scalars(
            update(known)
            .where(known.sku.in_(select(page.c.sku)))
            .values({_version_of(known): 0, known.updated_at: known.updated_at})
            .returning(known.sku)
        )
        return max(doubted, default=None)

    async def not_told(self, known: Known, skus: Collection[str]) -> set[str]:
        """Return those of the SKUs that no event has told of since they were doubted."""
        told = await self._session.scalars(
            select(known.sku).where(
                known.sku == func.any(literal(list(skus), ARRAY(Text))), _version_of(known) > 0
            )
        )
        return set(skus).difference(told)

    async def forget_doubted(self, known: Known, since: datetime) -> int:
        """Remove what was there at that moment and has not been told again; return how many rows that were."""
        removed = await self._session.scalars(
            delete(known)
            .where(_version_of(known) == 0, known.created_at < since)
            .returning(known.sku)
        )
        return len(removed.all())


def _version_of(known: Known) -> InstrumentedAttribute[int]:
    """Name the column with the version that product told of a row."""
    versions: dict[Known, InstrumentedAttribute[int]] = {
        KnownVariant: KnownVariant.product_version,
        KnownStock: KnownStock.stock_version,
    }
    return versions[known]


def _full_title(product: str, variant: str) -> str:
    return product if variant in {"", product} else f"{product}, {variant}"

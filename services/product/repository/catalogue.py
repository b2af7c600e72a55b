"""Queries on products, variants, prices and categories."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import (
    ColumnElement,
    Text,
    case,
    false,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.ext.asyncio import AsyncSession

from libs.money import Money
from services.product.domain.catalogue import (
    Offer,
    Price,
    Product,
    ProductStatus,
    Variant,
    line_title,
)
from services.product.models import Category as CategoryRow
from services.product.models import Price as PriceRow
from services.product.models import Product as ProductRow
from services.product.models import StockBucket, StockLevel
from services.product.models import Variant as VariantRow

_REFRESH_LISTING = text("""
    INSERT INTO listing_prices (product_id, currency, from_minor)
    SELECT variant.product_id, price.currency, min(price.amount_minor)
    FROM variants AS variant JOIN prices AS price USING (sku)
    WHERE variant.product_id = ANY(CAST(:product_ids AS text[]))
    GROUP BY variant.product_id, price.currency
    ON CONFLICT (product_id, currency) DO UPDATE SET from_minor = excluded.from_minor
    WHERE listing_prices.from_minor <> excluded.from_minor
""")

_AVAILABLE = case(
    (
        StockLevel.buckets > 0,
        select(func.sum(StockBucket.available))
        .where(StockBucket.sku == StockLevel.sku)
        .scalar_subquery(),
    ),
    else_=StockLevel.available,
)

_PRODUCT = (
    ProductRow.id,
    ProductRow.slug,
    ProductRow.title,
    ProductRow.description,
    ProductRow.status,
    ProductRow.category_id,
    CategoryRow.slug.label("category_slug"),
    ProductRow.version,
    ProductRow.created_at,
    ProductRow.updated_at,
)


class CatalogueRepository:
    """Reads and writes the catalogue."""

    def __init__(self, session: AsyncSession, home_region: str) -> None:
        self._session = session
        self._region = home_region

    async def product(self, id_or_slug: str) -> Product | None:
        """Return a product with its variants and prices, in two queries."""
        found = await self._products(
            (ProductRow.id == id_or_slug) | (ProductRow.slug == id_or_slug)
        )
        return next(iter(found), None)

    async def products(self, product_ids: Iterable[str]) -> list[Product]:
        """Return several products at once, by id."""
        return await self._products(ProductRow.id.in_(list(product_ids)))

    async def lock_product(self, product_id: str) -> Product | None:
        """Return a product, locked against other changes; holds of its stock go on meanwhile."""
        await self._session.execute(
            select(ProductRow.id).where(ProductRow.id == product_id).with_for_update(key_share=True)
        )
        found = await self._products(ProductRow.id == product_id)
        return next(iter(found), None)

    async def _products(self, condition: ColumnElement[bool]) -> list[Product]:
        rows = await self._session.execute(
            select(*_PRODUCT)
            .outerjoin(CategoryRow, CategoryRow.id == ProductRow.category_id)
            .where(condition)
            .order_by(ProductRow.id)
        )
        found = rows.all()
        variants = await self._variants([row.id for row in found]) if found else {}
        return [
            Product(
                **{**row._mapping, "status": ProductStatus(row.status)},  # noqa: SLF001 - SQLAlchemy's public name
                variants=tuple(variants.get(row.id, ())),
            )
            for row in found
        ]

    async def _variants(self, product_ids: Sequence[str]) -> Mapping[str, list[Variant]]:
        rows = await self._session.execute(
            select(
                VariantRow.product_id,
                VariantRow.sku,
                VariantRow.title,
                PriceRow.currency,
                PriceRow.amount_minor,
                PriceRow.version,
            )
            .outerjoin(PriceRow, PriceRow.sku == VariantRow.sku)
            .where(VariantRow.product_id.in_(product_ids))
            .order_by(VariantRow.position, VariantRow.sku, PriceRow.currency)
        )
        prices: dict[tuple[str, str, str], list[Price]] = defaultdict(list)
        for product_id, sku, title, currency, amount, version in rows:
            known = prices[product_id, sku, title]
            if currency is not None:
                known.append(Price(Money(amount, currency), version))
        variants: dict[str, list[Variant]] = defaultdict(list)
        for (product_id, sku, title), known in prices.items():
            variants[product_id].append(Variant(sku, title, tuple(known)))
        return variants

    async def offers(self, skus: Sequence[str], currency: str) -> Mapping[str, Offer]:
        """Return what these SKUs are sold for in a currency right now, in one query and without locks."""
        rows = await self._session.execute(
            select(
                VariantRow.sku,
                VariantRow.product_id,
                VariantRow.title,
                ProductRow.title.label("product_title"),
                ProductRow.status,
                PriceRow.amount_minor,
                PriceRow.version,
                func.coalesce(_AVAILABLE, 0).label("available"),
                func.coalesce(StockLevel.buckets > 0, false()).label("is_spread"),
            )
            .join(ProductRow, ProductRow.id == VariantRow.product_id)
            .outerjoin(PriceRow, (PriceRow.sku == VariantRow.sku) & (PriceRow.currency == currency))
            .outerjoin(StockLevel, StockLevel.sku == VariantRow.sku)
            .where(VariantRow.sku == func.any(literal(list(skus), ARRAY(Text))))
        )
        return {
            row.sku: Offer(
                sku=row.sku,
                product_id=row.product_id,
                title=line_title(row.product_title, row.title),
                status=ProductStatus(row.status),
                currency=currency,
                price=None
                if row.amount_minor is None
                else Price(Money(row.amount_minor, currency), row.version),
                available=row.available,
                is_spread=row.is_spread,
            )
            for row in rows
        }

    async def add_product(self, product: Product) -> bool:
        """Insert a product's own row; False if its slug is taken."""
        row = await self._session.execute(
            insert_or(ProductRow)
            .values(
                id=product.id,
                slug=product.slug,
                title=product.title,
                description=product.description,
                status=product.status,
                category_id=product.category_id,
                version=product.version,
                home_region=self._region,
            )
            .on_conflict_do_nothing(index_elements=[ProductRow.slug])
            .returning(ProductRow.id)
        )
        return row.scalar_one_or_none() is not None

    async def slug_belongs_to_another(self, slug: str, product_id: str) -> bool:
        """Tell whether another product answers to the slug."""
        row = await self._session.execute(
            select(ProductRow.id).where(ProductRow.slug == slug, ProductRow.id != product_id)
        )
        return row.scalar_one_or_none() is not None

    async def change_product(self, product_id: str, changes: Mapping[str, object]) -> int:
        """Write the changes to a locked product and return its new version; no changes count as one too."""
        row = await self._session.execute(
            update(ProductRow)
            .where(ProductRow.id == product_id)
            .values(**changes, version=ProductRow.version + 1)
            .returning(ProductRow.version)
        )
        return row.scalar_one()

    async def add_variants(
        self, product_id: str, variants: Sequence[Variant], *, first_position: int
    ) -> set[str]:
        """Insert variants with their prices; return the SKUs that were taken already."""
        rows = await self._session.execute(
            insert_or(VariantRow)
            .values(
                [
                    {
                        "sku": variant.sku,
                        "product_id": product_id,
                        "title": variant.title,
                        "position": first_position + index,
                    }
                    for index, variant in enumerate(variants)
                ]
            )
            .on_conflict_do_nothing()
            .returning(VariantRow.sku)
        )
        taken = {variant.sku for variant in variants} - set(rows.scalars())
        prices = [
            {
                "sku": variant.sku,
                "currency": price.amount.currency,
                "amount_minor": price.amount.amount_minor,
                "version": price.version,
            }
            for variant in variants
            for price in variant.prices
        ]
        if not taken and prices:
            await self._session.execute(insert(PriceRow), prices)
        return taken

    async def put_price(self, sku: str, amount: Money) -> Price:
        """Set a variant's price in one currency; an equal amount keeps its version."""
        row = await self._session.execute(
            insert_or(PriceRow)
            .values(sku=sku, currency=amount.currency, amount_minor=amount.amount_minor, version=1)
            .on_conflict_do_update(
                index_elements=[PriceRow.sku, PriceRow.currency],
                set_={
                    "amount_minor": amount.amount_minor,
                    "version": PriceRow.version + 1,
                    "updated_at": func.now(),
                },
            )
            .returning(PriceRow.version)
        )
        return Price(amount, row.scalar_one())

    async def refresh_listing_prices(self, product_ids: Sequence[str]) -> None:
        """Bring the lowest price per currency up to date after prices changed."""
        await self._session.execute(_REFRESH_LISTING, {"product_ids": list(product_ids)})

"""Writes of the bulk import: whole batches as arrays, and only rows that differ from what is there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# A table that is being filled has no statistics yet, and the planner would read all of it for every batch.
_PLAN_BY_KEY = text("""
    SELECT set_config(name, 'off', true)
    FROM unnest(ARRAY['enable_hashjoin', 'enable_mergejoin', 'enable_seqscan']) AS settings(name)
""")

_PUT_CATEGORY = text("""
    INSERT INTO categories (id, slug, title, parent_id, home_region)
    VALUES (:id, :slug, :title, :parent_id, :region)
    ON CONFLICT (slug) DO UPDATE
    SET title = excluded.title, parent_id = excluded.parent_id, updated_at = now()
    RETURNING id
""")

_PUT_PRODUCTS = text("""
    INSERT INTO products (id, slug, title, description, status, category_id, version, home_region)
    SELECT id, slug, title, description, 'active', category_id, 1, :region FROM unnest(
        CAST(:ids AS text[]), CAST(:slugs AS text[]), CAST(:titles AS text[]),
        CAST(:descriptions AS text[]), CAST(:category_ids AS text[])
    ) AS w(id, slug, title, description, category_id)
    ON CONFLICT (slug) DO UPDATE
    SET title = excluded.title, description = excluded.description,
        category_id = excluded.category_id, version = products.version + 1, updated_at = now()
    WHERE (products.title, products.description, products.category_id)
        IS DISTINCT FROM (excluded.title, excluded.description, excluded.category_id)
    RETURNING id
""")

_IDS_OF_SLUGS = text("SELECT slug, id FROM products WHERE slug = ANY(CAST(:slugs AS text[]))")

_PUT_VARIANTS = text("""
    INSERT INTO variants (sku, product_id, title, position)
    SELECT * FROM unnest(CAST(:skus AS text[]), CAST(:product_ids AS text[]),
                         CAST(:titles AS text[]), CAST(:positions AS int[]))
    ON CONFLICT (sku) DO UPDATE
    SET title = excluded.title, position = excluded.position, updated_at = now()
    WHERE variants.product_id = excluded.product_id
      AND (variants.title, variants.position) IS DISTINCT FROM (excluded.title, excluded.position)
    RETURNING product_id
""")

_FOREIGN_SKUS = text("""
    SELECT variant.sku FROM variants AS variant
    JOIN unnest(CAST(:skus AS text[]), CAST(:product_ids AS text[])) AS w(sku, product_id)
        USING (sku)
    WHERE variant.product_id <> w.product_id
    ORDER BY variant.sku
""")

_PUT_PRICES = text("""
    WITH put AS (
        INSERT INTO prices (sku, currency, amount_minor, version)
        SELECT sku, currency, amount_minor, 1 FROM unnest(
            CAST(:skus AS text[]), CAST(:currencies AS text[]), CAST(:amounts AS bigint[])
        ) AS w(sku, currency, amount_minor)
        ON CONFLICT (sku, currency) DO UPDATE
        SET amount_minor = excluded.amount_minor, version = prices.version + 1, updated_at = now()
        WHERE prices.amount_minor <> excluded.amount_minor
        RETURNING sku
    )
    SELECT DISTINCT variant.product_id FROM put JOIN variants AS variant USING (sku)
""")

_CREATE_STOCK = text("""
    WITH created AS (
        INSERT INTO stock_levels
            (sku, product_id, received, available, held, sold, version, home_region)
        SELECT sku, product_id, pieces, pieces, 0, 0, 1, :region FROM unnest(
            CAST(:skus AS text[]), CAST(:product_ids AS text[]), CAST(:pieces AS bigint[])
        ) AS w(sku, product_id, pieces)
        ON CONFLICT (sku) DO NOTHING
        RETURNING sku, available
    ), ledger AS (
        INSERT INTO stock_adjustments (sku, quantity, reason, available_after, actor)
        SELECT sku, available, 'received', available, 'import' FROM created WHERE available > 0
    )
    SELECT sku, available FROM created
""")

_NEW_VERSION = text("""
    UPDATE products SET version = version + 1, updated_at = now()
    WHERE id = ANY(CAST(:ids AS text[]))
""")


@dataclass
class VariantColumns:
    """Variants of a batch, as columns."""

    skus: list[str] = field(default_factory=list)
    product_ids: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)


@dataclass
class PriceColumns:
    """Prices of a batch, as columns."""

    skus: list[str] = field(default_factory=list)
    currencies: list[str] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)


@dataclass
class ProductColumns:
    """Products of a batch, as columns."""

    ids: list[str] = field(default_factory=list)
    slugs: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    descriptions: list[str] = field(default_factory=list)
    category_ids: list[str | None] = field(default_factory=list)


class BulkRepository:
    """Writes one batch of an import in one transaction, with a constant number of statements."""

    def __init__(self, session: AsyncSession, home_region: str) -> None:
        self._session = session
        self._region = home_region

    async def expect_lookups_by_key(self) -> None:
        """Have the rest of this transaction use indexes: each statement here finds its rows by key."""
        await self._session.execute(_PLAN_BY_KEY)

    async def put_category(
        self, category_id: str, slug: str, title: str, parent_id: str | None
    ) -> str:
        """Create or change a category and return its id."""
        row = await self._session.execute(
            _PUT_CATEGORY,
            {
                "id": category_id,
                "slug": slug,
                "title": title,
                "parent_id": parent_id,
                "region": self._region,
            },
        )
        return str(row.scalar_one())

    async def put_products(self, products: ProductColumns) -> set[str]:
        """Create or change products; returns the ids of those that are new or differ."""
        rows = await self._session.execute(
            _PUT_PRODUCTS, {**vars(products), "region": self._region}
        )
        return set(rows.scalars())

    async def ids_of(self, slugs: Sequence[str]) -> Mapping[str, str]:
        """Return the ids the slugs have in the database, whoever created them."""
        rows = await self._session.execute(_IDS_OF_SLUGS, {"slugs": list(slugs)})
        return {row.slug: row.id for row in rows}

    async def put_variants(self, variants: VariantColumns) -> set[str]:
        """Create or change variants; returns the ids of the products this changed."""
        columns = vars(variants)
        rows = await self._session.execute(
            _PUT_VARIANTS,
            {name: columns[name] for name in ("skus", "product_ids", "titles", "positions")},
        )
        return set(rows.scalars())

    async def foreign_skus(self, variants: VariantColumns) -> list[str]:
        """Return SKUs that belong to other products than the batch says."""
        rows = await self._session.execute(
            _FOREIGN_SKUS, {"skus": variants.skus, "product_ids": variants.product_ids}
        )
        return list(rows.scalars())

    async def put_prices(self, prices: PriceColumns) -> set[str]:
        """Create or change prices; returns the ids of the products this changed."""
        return set((await self._session.execute(_PUT_PRICES, vars(prices))).scalars())

    async def create_stock(self, variants: VariantColumns) -> Mapping[str, int]:
        """Give SKUs that have no stock level yet their first pieces, with a ledger line; returns what was created."""
        rows = await self._session.execute(
            _CREATE_STOCK,
            {
                "skus": variants.skus,
                "product_ids": variants.product_ids,
                "pieces": variants.pieces,
                "region": self._region,
            },
        )
        return {row.sku: row.available for row in rows}

    async def count_up_versions(self, product_ids: Iterable[str]) -> None:
        """Give products whose variants or prices changed a new version."""
        await self._session.execute(_NEW_VERSION, {"ids": list(product_ids)})

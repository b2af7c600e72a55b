"""The listing query: full text with a fallback for typos, filters, order, keyset paging and facets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Double,
    Select,
    and_,
    cast,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.domain.catalogue import Search, Sort
from services.product.models import Category, ListingPrice, Product, StockBucket, StockLevel

TYPO_SIMILARITY = "0.45"
"""How alike a word of a title must be to a mistyped one; found by trying common typos against noise."""

_CONFIG: ColumnElement[Any] = literal_column("'english'::regconfig")
_SCORE_SCALE = 1_000_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One product of a listing; `key` is what the listing is sorted by."""

    id: str
    slug: str
    title: str
    category_id: str | None
    category_slug: str | None
    from_minor: int
    in_stock: bool
    key: int | None


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """How many hits a category has itself."""

    id: str
    slug: str
    title: str
    count: int


@dataclass(frozen=True, slots=True)
class PriceRange:
    """How many hits cost between two amounts, both included."""

    from_minor: int
    to_minor: int
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts over all hits of a search, not only over one page."""

    total: int
    in_stock: int
    categories: Sequence[CategoryCount]
    prices: Sequence[PriceRange]


class SearchRepository:
    """Runs one search; `fuzzy` says that the text matched nothing and similar words are shown instead."""

    def __init__(self, session: AsyncSession, search: Search, *, fuzzy: bool = False) -> None:
        self._session = session
        self._search = search
        self.fuzzy = fuzzy

    async def allow_typos_if_needed(self) -> None:
        """Fall back to similar words if no product at all contains the words as they are written."""
        if self._search.text is None or self.fuzzy:
            return
        # Materialised, because for a bare EXISTS the planner hopes to meet a hit early and reads the whole table.
        found = (
            select(Product.status)
            .where(self._contains_words())
            .cte("found")
            .prefix_with("MATERIALIZED")
        )
        exact = select(exists().where(found.c.status == "active"))
        self.fuzzy = not (await self._session.execute(exact)).scalar_one()

    async def page(self, *, after: tuple[int | None, str] | None, limit: int) -> list[Hit]:
        """Return up to `limit` hits after the given sort key and id."""
        await self._set_similarity()
        key = self._key()
        statement = self._matching(
            Product.id,
            Product.slug,
            Product.title,
            Product.category_id,
            Category.slug.label("category_slug"),
            ListingPrice.from_minor,
            _in_stock().label("in_stock"),
            key.label("sort_key"),
        ).outerjoin(Category, Category.id == Product.category_id)
        ascending = self._search.order is Sort.PRICE
        if after is not None:
            statement = statement.where(_beyond(key, after, ascending=ascending))
        order = (key, Product.id) if ascending else (key.desc(), Product.id.desc())
        if self._search.order is Sort.NEWEST:
            order = (Product.id.desc(), Product.id.desc())
        rows = await self._session.execute(statement.order_by(*order).limit(limit))
        return [Hit(*row) for row in rows]

    async def facets(self) -> Facets:
        """Count the hits by category, price and availability, finding them only once."""
        await self._set_similarity()
        matched = self._matching(
            Product.id, Product.category_id, ListingPrice.from_minor, _in_stock().label("in_stock")
        ).cte("matched")
        rows = await self._session.execute(
            select(
                select(func.count()).select_from(matched).scalar_subquery(),
                select(func.count())
                .select_from(matched)
                .where(matched.c.in_stock)
                .scalar_subquery(),
                _as_json(_by_category(matched)),
                _as_json(_by_price(matched)),
            )
        )
        total, in_stock, categories, prices = rows.one()
        return Facets(
            total,
            in_stock,
            [CategoryCount(*one) for one in categories],
            [PriceRange(*one) for one in prices],
        )

    async def _set_similarity(self) -> None:
        if self.fuzzy:
            await self._session.execute(
                select(
                    func.set_config("pg_trgm.word_similarity_threshold", TYPO_SIMILARITY, true())
                )
            )

    def _matching(self, *columns: ColumnElement[Any] | Any) -> Select[Any]:
        search = self._search
        conditions: list[ColumnElement[bool]] = [Product.status == "active"]
        if search.text is not None:
            conditions.append(self._matches_text(search.text))
        if search.category is not None:
            conditions.append(Product.category_id.in_(_with_descendants(search.category)))
        if search.min_price_minor is not None:
            conditions.append(ListingPrice.from_minor >= search.min_price_minor)
        if search.max_price_minor is not None:
            conditions.append(ListingPrice.from_minor <= search.max_price_minor)
        if search.available is not None:
            conditions.append(_in_stock() if search.available else ~_in_stock())
        return (
            select(*columns)
            .select_from(Product)
            .join(
                ListingPrice,
                and_(
                    ListingPrice.product_id == Product.id,
                    ListingPrice.currency == search.currency,
                ),
            )
            .where(*conditions)
        )

    def _matches_text(self, words: str) -> ColumnElement[bool]:
        if self.fuzzy:
            return literal(words).op("<%", is_comparison=True)(Product.title)
        return self._contains_words()

    def _contains_words(self) -> ColumnElement[bool]:
        return Product.search.op("@@", is_comparison=True)(self._query())

    def _query(self) -> ColumnElement[Any]:
        return func.websearch_to_tsquery(_CONFIG, self._search.text)

    def _key(self) -> ColumnElement[Any]:
        match self._search.order:
            case Sort.PRICE | Sort.PRICE_DESCENDING:
                return ListingPrice.from_minor.expression
            case Sort.NEWEST:
                return null()
            case Sort.RELEVANCE:
                score = (
                    func.word_similarity(self._search.text, Product.title)
                    if self.fuzzy
                    else func.ts_rank(Product.search, self._query())
                )
                # Whole numbers survive the trip through a cursor; floats may not.
                return cast(func.round(score * _SCORE_SCALE), BigInteger)


def _in_stock() -> ColumnElement[bool]:
    in_a_bucket = exists().where(StockBucket.sku == StockLevel.sku, StockBucket.available > 0)
    return exists().where(
        StockLevel.product_id == Product.id,
        or_(StockLevel.available > 0, and_(StockLevel.buckets > 0, in_a_bucket)),
    )


def _by_category(matched: CTE) -> Select[Any]:
    return (
        select(
            func.json_build_array(Category.id, Category.slug, Category.title, func.count()).label(
                "row"
            )
        )
        .join(matched, matched.c.category_id == Category.id)
        .group_by(Category.id)
        .order_by(func.count().desc(), Category.title)
    )


def _by_price(matched: CTE) -> Select[Any]:
    quartiles = select(
        func.percentile_disc(literal([0.25, 0.5, 0.75], ARRAY(Double))).within_group(
            matched.c.from_minor
        )
    ).scalar_subquery()
    # Equal prices share a band, so that a client filtering by its bounds finds just what was counted.
    band = func.width_bucket(matched.c.from_minor, quartiles)
    cheapest, dearest = func.min(matched.c.from_minor), func.max(matched.c.from_minor)
    return (
        select(func.json_build_array(cheapest, dearest, func.count()).label("row"))
        .group_by(band)
        .order_by(cheapest)
    )


def _as_json(rows: Select[Any]) -> ColumnElement[Any]:
    inner = rows.subquery()
    return select(
        func.coalesce(func.json_agg(inner.c.row), func.json_build_array())
    ).scalar_subquery()


def _with_descendants(category_id: str) -> Select[tuple[str]]:
    tree = (
        select(Category.id).where(Category.id == category_id).cte("category_tree", recursive=True)
    )
    tree = tree.union_all(select(Category.id).where(Category.parent_id == tree.c.id))
    return select(tree.c.id)


def _beyond(
    key: ColumnElement[Any], after: tuple[int | None, str], *, ascending: bool
) -> ColumnElement[bool]:
    """Continue after a sort key; newest first needs only the id, which grows with time."""
    value, last_id = after
    if value is None:
        return Product.id < last_id
    if ascending:
        return or_(key > value, and_(key == value, Product.id > last_id))
    return or_(key < value, and_(key == value, Product.id < last_id))

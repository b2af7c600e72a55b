"""Reads of the catalogue: bytes from the cache when they are warm, queries when they are not."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from libs.cache.responses import ByteCache, CachedBody
from libs.database.session import Database
from libs.ids import uuid7
from libs.web.conditional import etag_of
from libs.web.pagination import CursorCodec
from libs.web.strict import ResponseModel
from services.product.domain.catalogue import ProductStatus, category_tree
from services.product.errors import (
    CategoryNotFound,
    PriceNotFound,
    ProductNotFound,
    VariantNotFound,
)
from services.product.repository.catalogue import CatalogueRepository
from services.product.repository.categories import CategoryRepository
from services.product.repository.search import Facets, Hit, SearchRepository
from services.product.schemas.catalogue import (
    CategoryLink,
    CategoryOut,
    CategoryTree,
    PriceOut,
    ProductOut,
    VariantOffer,
    VariantOffers,
)
from services.product.schemas.listing import (
    AvailabilityFacet,
    CategoryFacet,
    FacetsOut,
    Listing,
    ListingItem,
    ListingQuery,
    PriceFacet,
    PriceFrom,
)

SOFT_SECONDS: Final = 30.0
HARD_SECONDS: Final = 600.0
_GENERATION_KEY: Final = "catalogue:generation"
_GENERATION_SECONDS: Final = 3_600.0

_pending: Final[set[asyncio.Task[None]]] = set()


@dataclass(frozen=True)
class CachedCatalogue:
    """The public catalogue. A warm read touches neither PostgreSQL nor SQLAlchemy.

    Lists are cached under the catalogue's generation, so that one change makes all of them stale at once.
    """

    database: Database
    cache: ByteCache
    cursors: CursorCodec
    home_region: str

    async def product(self, id_or_slug: str) -> CachedBody:
        """Return an active product's representation.

        Raises:
            ProductNotFound: there is none, or it is not public.
        """

        async def load() -> CachedBody | None:
            product = await self.read_product(id_or_slug)
            if product is None or product.status != ProductStatus.ACTIVE.value:
                return None
            return CachedBody(product.model_dump_json().encode(), etag_of(product.version))

        found = await self.cache.get_or_load(
            _product_key(id_or_slug), load, SOFT_SECONDS, HARD_SECONDS
        )
        if found is None:
            raise ProductNotFound("no product has this id or slug")
        return found

    async def read_product(self, id_or_slug: str) -> ProductOut | None:
        """Return a product whatever its status, past the cache."""
        async with self.database.transaction() as session:
            product = await CatalogueRepository(session, self.home_region).product(id_or_slug)
        return None if product is None else ProductOut.of(product)

    async def listing(self, query: ListingQuery) -> CachedBody:
        """Return one page of products.

        Raises:
            CategoryNotFound: the category does not exist.
            CursorInvalid: the cursor belongs to another list.
            SearchInvalid: the price range is empty.
        """

        async def load() -> CachedBody | None:
            listing = await self._read_listing(query)
            return None if listing is None else _body(listing)

        name = hashlib.sha256(query.model_dump_json().encode()).hexdigest()
        found = await self.cache.get_or_load(
            f"catalogue:{await self._generation()}:list:{name}", load, SOFT_SECONDS, HARD_SECONDS
        )
        if found is None:
            raise CategoryNotFound("no category has this id or slug")
        return found

    async def tree(self) -> CachedBody:
        """Return the category tree."""

        async def load() -> CachedBody:
            async with self.database.transaction() as session:
                categories = await CategoryRepository(session, self.home_region).all()
            return _body(
                CategoryTree(items=[CategoryOut.of(node) for node in category_tree(categories)])
            )

        return await self.cache.get_or_load(
            f"catalogue:{await self._generation()}:tree", load, SOFT_SECONDS, HARD_SECONDS
        )

    async def _generation(self) -> str:
        async def begin() -> CachedBody:
            return CachedBody(b"{}", uuid7().hex)

        found = await self.cache.get_or_load(
            _GENERATION_KEY, begin, _GENERATION_SECONDS, _GENERATION_SECONDS
        )
        return found.etag

    async def _read_listing(self, query: ListingQuery) -> Listing | None:
        after = _position(self.cursors, query)
        async with self.database.transaction() as session:
            category_id = None
            if query.category is not None:
                category = await CategoryRepository(session, self.home_region).find(query.category)
                if category is None:
                    return None
                category_id = category.id
            search = query.search(category_id)
            hits = SearchRepository(session, search, fuzzy=after is not None and after.fuzzy)
            if after is None:
                await hits.allow_typos_if_needed()
            rows = await hits.page(
                after=None if after is None else (after.key, after.id), limit=query.limit + 1
            )
            facets = await hits.facets() if query.facets else None
        page = self.cursors.page(
            rows,
            query.limit,
            position=lambda hit: (hit.key, hit.id, int(hits.fuzzy)),
            show=lambda hit: _item(hit, query.currency),
            of=query.list_name(),
        )
        return Listing(
            items=page.items,
            next_cursor=page.next_cursor,
            similar_words=hits.fuzzy,
            facets=None if facets is None else _facets(facets),
        )


@dataclass(frozen=True)
class OfferReader:
    """What is true right now: prices and availability that no cache may answer for."""

    catalogue: CatalogueRepository

    async def offers(self, skus: Sequence[str], currency: str) -> VariantOffers:
        """Return the SKUs that are sold, in the order asked for."""
        found = await self.catalogue.offers(skus, currency)
        asked = (found.get(sku) for sku in dict.fromkeys(skus))
        return VariantOffers(
            items=[
                VariantOffer.of(offer)
                for offer in asked
                if offer is not None and offer.status is ProductStatus.ACTIVE
            ]
        )

    async def price(self, id_or_slug: str, sku: str, currency: str) -> tuple[PriceOut, int]:
        """Return a variant's price and the version of its product.

        Raises:
            ProductNotFound: the product does not exist or is not public.
            VariantNotFound: the product has no such SKU.
            PriceNotFound: it is not sold in the currency.
        """
        product = await self.catalogue.product(id_or_slug)
        if product is None or product.status is not ProductStatus.ACTIVE:
            raise ProductNotFound("no product has this id or slug")
        variant = product.variant(sku)
        if variant is None:
            raise VariantNotFound("the product has no variant with this SKU")
        price = variant.price_in(currency)
        if price is None:
            raise PriceNotFound("the variant is not sold in this currency")
        return PriceOut.of(price), product.version


async def forget(cache: ByteCache, names: Sequence[str]) -> None:
    """Drop the cached products of these ids and slugs and every cached list."""
    await cache.invalidate(_GENERATION_KEY, *(_product_key(name) for name in names))


def forget_soon(cache: ByteCache, names: Sequence[str]) -> None:
    """Do so in the background: the change is committed, and an answer must not wait for Redis."""
    task = asyncio.get_running_loop().create_task(forget(cache, names))
    _pending.add(task)
    task.add_done_callback(_pending.discard)


@dataclass(frozen=True, slots=True)
class _Position:
    key: int | None
    id: str
    fuzzy: bool


def _position(cursors: CursorCodec, query: ListingQuery) -> _Position | None:
    if query.cursor is None:
        return None
    key, last_id, fuzzy = cursors.decode(query.cursor, of=query.list_name())
    return _Position(None if key is None else int(key), str(last_id), bool(fuzzy))


def _product_key(name: str) -> str:
    return f"catalogue:product:{name}"


def _body(model: ResponseModel) -> CachedBody:
    body = model.model_dump_json().encode()
    return CachedBody(body, etag_of(body))


def _item(hit: Hit, currency: str) -> ListingItem:
    return ListingItem(
        product_id=hit.id,
        slug=hit.slug,
        title=hit.title,
        category=CategoryLink.of(hit.category_id, hit.category_slug),
        price_from=PriceFrom(amount_minor=hit.from_minor, currency=currency),
        available=hit.in_stock,
    )


def _facets(facets: Facets) -> FacetsOut:
    return FacetsOut(
        total=facets.total,
        categories=[
            CategoryFacet(category_id=one.id, slug=one.slug, title=one.title, count=one.count)
            for one in facets.categories
        ],
        prices=[
            PriceFacet(min_price=one.from_minor, max_price=one.to_minor, count=one.count)
            for one in facets.prices
        ],
        availability=AvailabilityFacet(
            available=facets.in_stock, sold_out=facets.total - facets.in_stock
        ),
    )

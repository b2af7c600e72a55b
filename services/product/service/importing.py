"""Bulk import of a catalogue file: batches, each all or nothing; the same file again changes nothing."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from libs.audit.log import SYSTEM, AuditLog
from libs.contracts.product import StockChanged
from libs.database.session import Database
from libs.ids import new_id
from libs.messaging.outbox import Outbox
from services.product.errors import ImportFileInvalid
from services.product.repository.bulk import (
    BulkRepository,
    PriceColumns,
    ProductColumns,
    VariantColumns,
)
from services.product.repository.catalogue import CatalogueRepository
from services.product.repository.categories import CategoryRepository
from services.product.schemas.importing import ImportedCategory, ImportedProduct, ImportLine
from services.product.service.announcing import announce_product


@dataclass
class ImportResult:
    """What a file did: how much it held, and how many products were new or differed."""

    categories: int = 0
    products: int = 0
    changed: int = 0


@dataclass
class CatalogueImporter:
    """Reads JSON lines into the catalogue.

    Without `announce` no events are written: a hundred thousand would flood every consumer, and projections fetch
    what they miss. `progress` is told the number of products done so far after each batch.
    """

    database: Database
    home_region: str
    announce: bool = False
    batch_size: int = 1_000
    progress: Callable[[int], None] = lambda _: None
    _categories: dict[str, str] = field(default_factory=dict)
    _result: ImportResult = field(default_factory=ImportResult)

    async def run(self, lines: Iterable[bytes]) -> ImportResult:
        """Import all lines.

        Raises:
            ImportFileInvalid: a line cannot be used; batches before it are kept, and a corrected file goes on.
        """
        async with self.database.transaction() as session:
            known = await CategoryRepository(session, self.home_region).all()
        self._categories = {category.slug: category.id for category in known}
        batch: dict[str, ImportedProduct] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            parsed = _parse(number, line)
            if parsed.category is not None:
                await self._put_category(number, parsed.category)
            if parsed.product is not None:
                self._require_category(number, parsed.product.category)
                batch[parsed.product.slug] = parsed.product
            if len(batch) >= self.batch_size:
                await self._put_products(list(batch.values()))
                batch.clear()
        if batch:
            await self._put_products(list(batch.values()))
        return self._result

    async def _put_category(self, number: int, category: ImportedCategory) -> None:
        self._require_category(number, category.parent)
        async with self.database.transaction() as session:
            self._categories[category.slug] = await BulkRepository(
                session, self.home_region
            ).put_category(
                new_id("cat"),
                category.slug,
                category.title,
                None if category.parent is None else self._categories[category.parent],
            )
        self._result.categories += 1

    def _require_category(self, number: int, slug: str | None) -> None:
        if slug is not None and slug not in self._categories:
            raise ImportFileInvalid(f"line {number}: no category {slug} before it")

    async def _put_products(self, products: Sequence[ImportedProduct]) -> None:
        async with self.database.transaction() as session:
            bulk = BulkRepository(session, self.home_region)
            await bulk.expect_lookups_by_key()
            changed = await bulk.put_products(self._product_columns(products))
            ids = await bulk.ids_of([product.slug for product in products])
            variants, prices = _variant_columns(products, ids), _price_columns(products)
            touched = await bulk.put_variants(variants)
            foreign = await bulk.foreign_skus(variants)
            if foreign:
                raise ImportFileInvalid(f"SKUs of other products: {', '.join(foreign[:10])}")
            touched |= await bulk.put_prices(prices)
            await AuditLog(session).record(
                "catalogue.imported", SYSTEM, "catalogue", changed=len(touched | changed)
            )
            stock = await bulk.create_stock(variants)
            await bulk.count_up_versions(touched - changed)
            changed |= touched
            catalogue = CatalogueRepository(session, self.home_region)
            await catalogue.refresh_listing_prices(sorted(changed))
            if self.announce:
                outbox = Outbox(session, "product", self.home_region, wake=_nobody_waits)
                await _announce(outbox, catalogue, changed, stock)
        self._result.products += len(products)
        self._result.changed += len(changed)
        self.progress(self._result.products)

    def _product_columns(self, products: Sequence[ImportedProduct]) -> ProductColumns:
        return ProductColumns(
            ids=[new_id("prd") for _ in products],
            slugs=[product.slug for product in products],
            titles=[product.title for product in products],
            descriptions=[product.description for product in products],
            category_ids=[
                None if product.category is None else self._categories[product.category]
                for product in products
            ],
        )


async def _announce(
    outbox: Outbox,
    catalogue: CatalogueRepository,
    changed: Iterable[str],
    stock: Mapping[str, int],
) -> None:
    for product in await catalogue.products(changed):
        await announce_product(outbox, product)
    for sku, available in stock.items():
        await outbox.add(StockChanged(sku=sku, available=available), aggregate_version=1)


def _parse(number: int, line: bytes) -> ImportLine:
    try:
        return ImportLine.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ImportFileInvalid(f"line {number}: {where or 'line'}: {first['msg']}") from error


def _variant_columns(products: Sequence[ImportedProduct], ids: Mapping[str, str]) -> VariantColumns:
    columns = VariantColumns()
    for product in products:
        for position, variant in enumerate(product.variants):
            columns.skus.append(variant.sku)
            columns.product_ids.append(ids[product.slug])
            columns.titles.append(variant.title)
            columns.positions.append(position)
            columns.pieces.append(variant.stock)
    twice = [sku for sku, times in Counter(columns.skus).items() if times > 1]
    if twice:
        raise ImportFileInvalid(f"SKUs that appear twice: {', '.join(twice[:10])}")
    return columns


def _price_columns(products: Sequence[ImportedProduct]) -> PriceColumns:
    columns = PriceColumns()
    for product in products:
        for variant in product.variants:
            for currency, amount in variant.prices.items():
                columns.skus.append(variant.sku)
                columns.currencies.append(currency)
                columns.amounts.append(amount)
    return columns


def _nobody_waits() -> None:
    """The relay runs in another process and polls."""

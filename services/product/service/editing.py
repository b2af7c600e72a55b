"""Changes to the catalogue by an admin, each announced and forgotten by the caches once committed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from libs.audit.log import AuditLog
from libs.clock import Clock
from libs.contracts.product import StockChanged
from libs.ids import new_id
from libs.messaging.outbox import Outbox
from libs.money import Money
from libs.web.conditional import etag_of
from services.product.domain.catalogue import Category, Price, Product, ProductStatus, Variant
from services.product.errors import (
    CategoryNotFound,
    ProductNotFound,
    SkuTaken,
    SlugTaken,
    VariantNotFound,
)
from services.product.repository.catalogue import CatalogueRepository
from services.product.repository.categories import CategoryRepository
from services.product.repository.stock import StockRepository
from services.product.schemas.changes import NewCategory, NewProduct, NewVariant, ProductPatch
from services.product.service.announcing import announce_product

Check = Callable[[str], None]
"""Compares the caller's `If-Match` with the current tag and raises if the caller saw something else."""


@dataclass(frozen=True)
class CatalogueEditor:
    """Use cases of one transaction. `forget` is told names whose cached answers are wrong after the commit."""

    products: CatalogueRepository
    categories: CategoryRepository
    stock: StockRepository
    outbox: Outbox
    audit: AuditLog
    forget: Callable[[Sequence[str]], None]
    clock: Clock
    home_region: str

    async def create_product(self, new: NewProduct) -> Product:
        """Create a product with its variants, each with no stock.

        Raises:
            CategoryNotFound: the category does not exist.
            SlugTaken: another product has the slug.
            SkuTaken: a SKU belongs to another product.
        """
        category = await self._category(new.category)
        now = self.clock.now()
        product = Product(
            id=new_id("prd"),
            slug=new.slug,
            title=new.title,
            description=new.description,
            status=ProductStatus(new.status),
            category_id=None if category is None else category.id,
            category_slug=None if category is None else category.slug,
            version=1,
            created_at=now,
            updated_at=now,
            variants=(),
        )
        if not await self.products.add_product(product):
            raise SlugTaken("another product has this slug")
        await self._add_variants(product, new.variants)
        return await self._changed(product.id)

    async def patch_product(self, product_id: str, patch: ProductPatch, check: Check) -> Product:
        """Change the members that were sent.

        Raises:
            ProductNotFound: there is none.
            ProductArchived: it takes no more changes.
            CategoryNotFound: the new category does not exist.
            SlugTaken: another product has the new slug.
        """
        before = await self._editable(product_id, check)
        changes = patch.changes()
        if "category" in changes:
            category = await self._category(patch.category)
            changes["category_id"] = None if category is None else category.id
            del changes["category"]
        if "slug" in changes and await self.products.slug_belongs_to_another(
            patch.slug, product_id
        ):
            raise SlugTaken("another product has this slug")
        await self.products.change_product(product_id, changes)
        return await self._changed(product_id, before.slug)

    async def archive_product(self, product_id: str, check: Check) -> None:
        """Withdraw a product for good; orders and reservations keep what they know of it.

        Raises:
            ProductNotFound: there is none.
            ProductArchived: it is already.
        """
        await self._editable(product_id, check)
        await self.products.change_product(product_id, {"status": ProductStatus.ARCHIVED})
        await self._changed(product_id)

    async def add_variant(self, product_id: str, new: NewVariant, check: Check) -> Product:
        """Add a variant with no stock.

        Raises:
            ProductNotFound: there is no such product.
            ProductArchived: it takes no more changes.
            SkuTaken: the SKU is in use.
        """
        product = await self._editable(product_id, check)
        await self._add_variants(product, [new])
        await self.products.change_product(product_id, {})
        return await self._changed(product_id)

    async def put_price(
        self, product_id: str, sku: str, amount: Money, actor: str, check: Check
    ) -> tuple[Price, Product]:
        """Set what a variant costs in one currency; the same amount again changes nothing.

        Raises:
            ProductNotFound: there is no such product.
            ProductArchived: it takes no more changes.
            VariantNotFound: the product has no such SKU.
        """
        product = await self._editable(product_id, check)
        variant = product.variant(sku)
        if variant is None:
            raise VariantNotFound("the product has no variant with this SKU")
        known = variant.price_in(amount.currency)
        if known is not None and known.amount == amount:
            return known, product
        price = await self.products.put_price(sku, amount)
        await self.audit.record(
            "price.changed",
            actor,
            sku,
            product_id=product_id,
            currency=amount.currency,
            amount_minor=amount.amount_minor,
            before_minor=None if known is None else known.amount.amount_minor,
        )
        await self.products.refresh_listing_prices([product_id])
        await self.products.change_product(product_id, {})
        return price, await self._changed(product_id)

    async def create_category(self, new: NewCategory) -> Category:
        """Create a category.

        Raises:
            CategoryNotFound: the parent does not exist.
            SlugTaken: another category has the slug.
        """
        parent = await self._category(new.parent)
        category = Category(
            new_id("cat"), new.slug, new.title, None if parent is None else parent.id
        )
        if not await self.categories.add(category):
            raise SlugTaken("another category has this slug")
        self.forget([])
        return category

    async def _editable(self, product_id: str, check: Check) -> Product:
        product = await self.products.lock_product(product_id)
        if product is None:
            raise ProductNotFound("no product has this id")
        check(etag_of(product.version))
        product.require_editable()
        return product

    async def _category(self, id_or_slug: str | None) -> Category | None:
        if id_or_slug is None:
            return None
        category = await self.categories.find(id_or_slug)
        if category is None:
            raise CategoryNotFound("no category has this id or slug")
        return category

    async def _add_variants(self, product: Product, new: Sequence[NewVariant]) -> None:
        variants = [
            Variant(
                variant.sku,
                variant.title,
                tuple(Price(Money(amount, code), 1) for code, amount in variant.prices.items()),
            )
            for variant in new
        ]
        taken = await self.products.add_variants(
            product.id, variants, first_position=len(product.variants)
        )
        if taken:
            raise SkuTaken("use other SKUs", extensions={"skus": sorted(taken)})
        await self.stock.create_levels(
            product.id, [variant.sku for variant in variants], self.home_region
        )
        for variant in variants:
            # Without it a projection could not tell "nothing there" from "never heard of".
            await self.outbox.add(StockChanged(sku=variant.sku, available=0), aggregate_version=1)
        await self.products.refresh_listing_prices([product.id])

    async def _changed(self, product_id: str, old_slug: str | None = None) -> Product:
        product = await self.products.product(product_id)
        if product is None:
            raise ProductNotFound("no product has this id")
        await announce_product(self.outbox, product)
        self.forget([product.id, product.slug, old_slug or product.slug])
        return product

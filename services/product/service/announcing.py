"""Tells the other services what changed, in the transaction that changes it."""

from collections.abc import Iterable

from libs.contracts.product import ProductChanged, StockChanged, VariantPrice, VariantState
from libs.messaging.outbox import Outbox
from services.product.domain.catalogue import Product
from services.product.domain.stock import Moved


async def announce_product(outbox: Outbox, product: Product) -> None:
    """Tell a product's full public state."""
    await outbox.add(product_changed(product), aggregate_version=product.version)


async def announce_stock(outbox: Outbox, moved: Iterable[Moved]) -> None:
    """Tell how much of each SKU can be bought now; a move that left that as it was is nobody's business."""
    for one in moved:
        if one.version is not None and one.after != one.before:
            await outbox.add(
                StockChanged(sku=one.sku, available=one.after), aggregate_version=one.version
            )


def product_changed(product: Product) -> ProductChanged:
    """Tell a product's full public state as an event."""
    return ProductChanged(
        product_id=product.id,
        slug=product.slug,
        title=product.title,
        status=product.status.value,
        variants=tuple(
            VariantState(
                sku=variant.sku,
                title=variant.title,
                prices=tuple(
                    VariantPrice(
                        currency=price.amount.currency,
                        amount_minor=price.amount.amount_minor,
                        version=price.version,
                    )
                    for price in variant.prices
                ),
            )
            for variant in product.variants
        ),
    )

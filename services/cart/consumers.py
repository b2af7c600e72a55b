"""What cart does when something happened elsewhere."""

from collections.abc import Mapping

from libs.contracts import Message
from libs.contracts.order import OrderPlaced
from libs.contracts.product import ProductChanged, StockChanged
from libs.contracts.user import ErasureRequested
from libs.messaging.handlers import Handler, HandlerContext
from libs.runtime.resources import Resources
from services.cart.dependencies import ERASURE, build_cart_service


def handlers(resources: Resources) -> Mapping[type[Message], Handler]:
    """Return the handler table: one function per message this service reacts to."""

    async def on_product_changed(event: ProductChanged, context: HandlerContext) -> None:
        service = build_cart_service(resources, context.session)
        await service.catalogue.apply_product(event, context.envelope.aggregateversion)

    async def on_stock_changed(event: StockChanged, context: HandlerContext) -> None:
        service = build_cart_service(resources, context.session)
        await service.catalogue.apply_stock(
            event.sku, event.available, context.envelope.aggregateversion
        )

    async def on_order_placed(event: OrderPlaced, context: HandlerContext) -> None:
        service = build_cart_service(resources, context.session)
        ordered = {line.sku: line.quantity for line in event.lines}
        await service.remove_ordered(event.cart_id, event.cart_version, ordered)

    return {
        ProductChanged: on_product_changed,
        StockChanged: on_stock_changed,
        OrderPlaced: on_order_placed,
        ErasureRequested: ERASURE.handler(),
    }

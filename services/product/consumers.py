"""The commands product receives. Each is safe to repeat and tells its outcome again when repeated."""

from collections.abc import Mapping

from libs.contracts.message import Message
from libs.contracts.product import CommitStock, ReleaseStock
from libs.messaging.handlers import Handler, HandlerContext
from services.product.dependencies import build_reservations


def handlers(home_region: str) -> Mapping[type[Message], Handler]:
    """Return who handles what."""

    async def on_commit_stock(message: CommitStock, context: HandlerContext) -> None:
        service = build_reservations(context.session, context.outbox, home_region)
        await service.sell(message.order_id)

    async def on_release_stock(message: ReleaseStock, context: HandlerContext) -> None:
        service = build_reservations(context.session, context.outbox, home_region)
        await service.release(message.order_id)

    return {CommitStock: on_commit_stock, ReleaseStock: on_release_stock}

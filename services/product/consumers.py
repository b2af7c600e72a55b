"""The commands product receives, and the requests to forget somebody. Each is safe to repeat and tells its outcome, if it has one, again when repeated."""

from collections.abc import Mapping

from libs.contracts.message import Message
from libs.contracts.product import CommitStock, ExtendHold, ReleaseStock, ReturnStock
from libs.contracts.user import ErasureRequested
from libs.messaging.handlers import Handler, HandlerContext, TooEarly
from services.product.dependencies import ERASURE, build_reservations
from services.product.domain.reservations import Line


def handlers(home_region: str) -> Mapping[type[Message], Handler]:
    """Return who handles what."""

    async def on_commit_stock(message: CommitStock, context: HandlerContext) -> None:
        service = build_reservations(context.session, context.outbox, home_region)
        await service.sell(message.order_id)
        context.advanced(message.order_id)

    async def on_release_stock(message: ReleaseStock, context: HandlerContext) -> None:
        service = build_reservations(context.session, context.outbox, home_region)
        await service.release(message.order_id)
        context.advanced(message.order_id)

    async def on_return_stock(message: ReturnStock, context: HandlerContext) -> None:
        service = build_reservations(context.session, context.outbox, home_region)
        lines = [Line(line.sku, line.quantity) for line in message.lines]
        if not await service.take_back(message.order_id, message.return_id, lines, message.reason):
            raise TooEarly(message.order_id)

    async def on_extend_hold(message: ExtendHold, context: HandlerContext) -> None:
        service = build_reservations(context.session, context.outbox, home_region)
        await service.extend(message.order_id, message.ttl_seconds)

    return {
        CommitStock: on_commit_stock,
        ReleaseStock: on_release_stock,
        ReturnStock: on_return_stock,
        ExtendHold: on_extend_hold,
        ErasureRequested: ERASURE.handler(),
    }

"""Cancelling, shipping and refunding."""

from fastapi import APIRouter, Request, Response

from libs.idempotency.one_transaction import Idempotent, IdempotentRequired
from libs.idempotency.reply import Reply
from libs.web.audience import admin, customer
from libs.web.conditional import (
    PreconditionFailed,
    PreconditionRequired,
    etag_of,
    require_match,
    unless_stale,
)
from libs.web.errors import problem_responses
from services.order import errors
from services.order.dependencies import OrdersAdmin, OrderServiceDep, OrdersWrite
from services.order.schemas import (
    CancelRequest,
    OrderView,
    RefundRequest,
    RefundView,
    ShipmentView,
    ShipRequest,
)

router = APIRouter()


@router.post(
    "/v1/orders/{order_id}/cancel",
    response_model=OrderView,
    openapi_extra=customer(),
    responses=problem_responses(errors.OrderNotFound, errors.NotCancellable, PreconditionFailed),
)
async def cancel_order(
    request: Request,
    order_id: str,
    caller: OrdersWrite,
    service: OrderServiceDep,
    idempotency: Idempotent,
    body: CancelRequest | None = None,
) -> Response:
    """Call an order off before it is shipped; stock and money go back. `If-Match` is honoured; repeating is harmless."""
    reason = (body or CancelRequest()).reason

    async def cancel() -> Reply:
        order = await service.cancel_order(caller, order_id, reason, unless_stale(request))
        return Reply(200, order, {"ETag": etag_of(order.version)})

    return await idempotency.once(cancel)


@router.post(
    "/v1/orders/{order_id}/shipments",
    response_model=ShipmentView,
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(
        errors.OrderNotFound, errors.NotShippable, PreconditionFailed, PreconditionRequired
    ),
)
async def ship_order(
    request: Request,
    order_id: str,
    body: ShipRequest,
    caller: OrdersAdmin,
    service: OrderServiceDep,
    idempotency: Idempotent,
) -> Response:
    """Record the parcel of a confirmed and paid order. `If-Match` with the order's tag is required."""

    async def ship() -> Reply:
        shipment, version = await service.ship_order(
            caller, order_id, body, lambda version: require_match(request, etag_of(version))
        )
        return Reply(201, shipment, _order_headers(order_id, version))

    return await idempotency.once(ship)


@router.post(
    "/v1/orders/{order_id}/refunds",
    response_model=RefundView,
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(
        errors.OrderNotFound, errors.NotRefundable, errors.RefundTooLarge, PreconditionFailed
    ),
)
async def refund_order(
    request: Request,
    order_id: str,
    body: RefundRequest,
    caller: OrdersAdmin,
    service: OrderServiceDep,
    idempotency: IdempotentRequired,
) -> Response:
    """Return captured money, all that is left without an amount. The refund is `requested` until the provider answered."""

    async def refund() -> Reply:
        created, version = await service.refund_order(caller, order_id, body, unless_stale(request))
        return Reply(201, created, _order_headers(order_id, version))

    return await idempotency.once(refund)


def _order_headers(order_id: str, version: int) -> dict[str, str]:
    """Point to the order that holds the new part, with the tag its next change needs."""
    return {"Location": f"/v1/orders/{order_id}", "ETag": etag_of(version)}

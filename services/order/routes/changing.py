"""Cancelling, shipping, taking back and refunding."""

from fastapi import APIRouter, Request, Response

from libs.idempotency.errors import IdempotencyKeyMissing
from libs.idempotency.keys import HEADER
from libs.idempotency.one_transaction import Idempotent, IdempotentRequired
from libs.idempotency.reply import Reply
from libs.security.dependencies import STEP_UP_PROBLEMS
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
from services.order.dependencies import OrderChangesDep, OrdersAdmin, OrdersWrite, Refunding
from services.order.schemas.requests import (
    CancelRequest,
    RefundRequest,
    ReturnRequest,
    ShipRequest,
)
from services.order.schemas.responses import OrderView, RefundView, ReturnView, ShipmentView

router = APIRouter()


@router.post(
    "/v1/orders/{order_id}/cancel",
    response_model=OrderView,
    openapi_extra=customer(),
    responses=problem_responses(
        errors.OrderNotFound, errors.NotCancellable, IdempotencyKeyMissing, PreconditionFailed
    ),
)
async def cancel_order(
    request: Request,
    order_id: str,
    caller: OrdersWrite,
    changes: OrderChangesDep,
    idempotency: Idempotent,
    body: CancelRequest | None = None,
) -> Response:
    """Call an order off before it is shipped, or only the pieces named in `lines`; stock and money go back.

    `If-Match` is honoured. Cancelling the whole order again is harmless; cancelling `lines` requires an `Idempotency-Key`.
    """
    wanted = body or CancelRequest()
    if wanted.lines is not None and idempotency.key is None:
        raise IdempotencyKeyMissing(f"Send a new random value in the {HEADER} header.")

    async def cancel() -> Reply:
        check = unless_stale(request)
        if wanted.lines is None:
            order = await changes.cancel_order(caller, order_id, wanted.reason, check)
        else:
            order = await changes.cancel_lines(caller, order_id, wanted, idempotency.id_of, check)
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
    changes: OrderChangesDep,
    idempotency: Idempotent,
) -> Response:
    """Record a parcel of a confirmed and paid order: the pieces in `lines`, or all that is left to ship.

    `If-Match` with the order's tag is required.
    """

    async def ship() -> Reply:
        shipment, version = await changes.ship_order(
            caller, order_id, body, lambda version: require_match(request, etag_of(version))
        )
        return Reply(201, shipment, _order_headers(order_id, version))

    return await idempotency.once(ship)


@router.post(
    "/v1/orders/{order_id}/returns",
    response_model=ReturnView,
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(
        errors.OrderNotFound, errors.NotReturnable, PreconditionFailed, *STEP_UP_PROBLEMS
    ),
)
async def return_goods(
    request: Request,
    order_id: str,
    body: ReturnRequest,
    caller: Refunding,
    changes: OrderChangesDep,
    idempotency: IdempotentRequired,
) -> Response:
    """Record shipped pieces that came back. Their price goes back to the customer, and they to stock if they can be sold."""

    async def take_back() -> Reply:
        created, version = await changes.return_goods(
            caller, order_id, body, idempotency.id_of, unless_stale(request)
        )
        return Reply(201, created, _order_headers(order_id, version))

    return await idempotency.once(take_back)


@router.post(
    "/v1/orders/{order_id}/refunds",
    response_model=RefundView,
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(
        errors.OrderNotFound,
        errors.NotRefundable,
        errors.RefundTooLarge,
        PreconditionFailed,
        *STEP_UP_PROBLEMS,
    ),
)
async def refund_order(
    request: Request,
    order_id: str,
    body: RefundRequest,
    caller: Refunding,
    changes: OrderChangesDep,
    idempotency: IdempotentRequired,
) -> Response:
    """Return captured money: an amount, the price of shipped `lines`, or all that is left.

    The refund is `requested` until the provider answered. Pieces that were not shipped are cancelled instead.
    """

    async def refund() -> Reply:
        created, version = await changes.refund_order(
            caller, order_id, body, idempotency.id_of, unless_stale(request)
        )
        return Reply(201, created, _order_headers(order_id, version))

    return await idempotency.once(refund)


def _order_headers(order_id: str, version: int) -> dict[str, str]:
    """Point to the order that holds the new part, with the tag its next change needs."""
    return {"Location": f"/v1/orders/{order_id}", "ETag": etag_of(version)}

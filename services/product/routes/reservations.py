"""Reservations, for order only: holding an order's pieces and giving them back."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from libs.idempotency.one_transaction import Idempotent, IdempotentRequired
from libs.idempotency.reply import Reply
from libs.runtime.resources import ResourcesDep
from libs.web.audience import internal
from libs.web.errors import problem_responses
from services.product.dependencies import Caller, ReservationsDep, hold_seconds
from services.product.errors import (
    NotForSale,
    OutOfStock,
    ReservationClosed,
    ReservationConflict,
)
from services.product.schemas.fields import OrderId
from services.product.schemas.stock import HoldRequest, ReservationOut

router = APIRouter(tags=["reservations"])


@router.post(
    "/v1/reservations",
    response_model=ReservationOut,
    status_code=201,
    openapi_extra=internal(),
    responses=problem_responses(OutOfStock, NotForSale, ReservationConflict, ReservationClosed),
)
async def hold_reservation(
    body: HoldRequest,
    _: Caller,
    reservations: ReservationsDep,
    resources: ResourcesDep,
    idempotency: IdempotentRequired,
) -> Response:
    """Hold all lines of an order or none, and answer the authoritative prices (200 if the order holds them already)."""

    async def hold() -> Reply:
        ttl = body.ttl_seconds or hold_seconds(resources)
        held, is_new = await reservations.hold(body.order_id, body.currency, body.wanted(), ttl)
        return Reply(201 if is_new else 200, ReservationOut.of(held))

    return await idempotency.once(hold)


@router.post(
    "/v1/reservations/{order_id}/release",
    response_model=ReservationOut,
    openapi_extra=internal(),
    responses=problem_responses(),
)
async def release_reservation(
    order_id: Annotated[OrderId, Path()],
    _: Caller,
    reservations: ReservationsDep,
    idempotency: Idempotent,
) -> Response:
    """Give back what an order holds or bought; an unknown order id is closed, so that a late hold fails."""

    async def release() -> Reply:
        return Reply(200, ReservationOut.of(await reservations.release(order_id)))

    return await idempotency.once(release)

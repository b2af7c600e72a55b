"""A customer's payments."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from libs.web.audience import customer
from libs.web.conditional import conditional_response, etag_of, json_response
from libs.web.errors import problem_responses
from services.payment.dependencies import PaymentsRead, QueriesDep
from services.payment.errors import PaymentNotFound
from services.payment.schemas.payments import PaymentPage, PaymentView

router = APIRouter(prefix="/v1", tags=["payments"])

OrderId = Annotated[str, Query(max_length=64, description="Id of the order, `ord_...`.")]


@router.get(
    "/payments/{payment_id}",
    response_model=PaymentView,
    openapi_extra=customer(),
    responses=problem_responses(PaymentNotFound),
)
async def get_payment(
    payment_id: str, request: Request, queries: QueriesDep, principal: PaymentsRead
) -> Response:
    """Return a payment of the caller's with its refunds; administrators see every payment."""
    payment, refunds = await queries.payment(payment_id, principal)
    view = PaymentView.of(payment, refunds)
    return conditional_response(request, view, etag=etag_of(payment.version))


@router.get("/payments", response_model=PaymentPage, openapi_extra=customer())
async def list_payments(
    order_id: OrderId, queries: QueriesDep, principal: PaymentsRead
) -> Response:
    """List the payments of an order; an order has at most one."""
    found = await queries.of_order(order_id, principal)
    items = [PaymentView.of(payment, refunds) for payment, refunds in found]
    return json_response(PaymentPage(items=items, next_cursor=None))

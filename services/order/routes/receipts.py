"""What was sold, for the user service, which tells the customer by mail."""

from fastapi import APIRouter, Response

from libs.web.audience import internal
from libs.web.conditional import PRIVATE
from libs.web.errors import problem_responses
from services.order import errors
from services.order.dependencies import CallingService, OrderServiceDep
from services.order.schemas.responses import ReceiptView

router = APIRouter()


@router.get(
    "/v1/receipts/{order_id}",
    openapi_extra=internal(),
    responses=problem_responses(errors.OrderNotFound),
)
async def get_receipt(
    order_id: str, _caller: CallingService, service: OrderServiceDep, response: Response
) -> ReceiptView:
    """Read the lines and the sums of an order, and whose it is; nothing about where it goes."""
    response.headers["Cache-Control"] = PRIVATE
    return await service.get_receipt(order_id)

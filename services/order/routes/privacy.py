"""What user asks on behalf of somebody who wants to be forgotten."""

from fastapi import APIRouter

from libs.web.audience import internal
from services.order.dependencies import CallingService, PersonalDataDep
from services.order.schemas.responses import OpenOrdersView

router = APIRouter()


@router.get("/v1/users/{user_id}/open-orders", openapi_extra=internal())
async def count_open_orders(
    user_id: str, _caller: CallingService, orders: PersonalDataDep
) -> OpenOrdersView:
    """Count somebody's orders that are not finished: goods, money or an answer are still to come."""
    return OpenOrdersView(open_orders=await orders.count_open(user_id))

"""What user asks on behalf of somebody who wants to be forgotten, or to know what is known of them."""

from fastapi import APIRouter, Response

from libs.erasure.export import PersonalData
from libs.web.audience import internal
from libs.web.conditional import NO_STORE
from services.order.dependencies import CallingService, ExportedDep, PersonalDataDep
from services.order.schemas.responses import OpenOrdersView

router = APIRouter()


@router.get("/v1/users/{user_id}/open-orders", openapi_extra=internal())
async def count_open_orders(
    user_id: str, _caller: CallingService, orders: PersonalDataDep
) -> OpenOrdersView:
    """Count somebody's orders that are not finished: goods, money or an answer are still to come."""
    return OpenOrdersView(open_orders=await orders.count_open(user_id))


@router.get("/v1/users/{user_id}/personal-data", openapi_extra=internal())
async def export_personal_data(
    user_id: str, _caller: CallingService, exported: ExportedDep, response: Response
) -> PersonalData:
    """Tell everything that is stored about somebody."""
    response.headers["Cache-Control"] = NO_STORE
    return await exported.of(user_id)

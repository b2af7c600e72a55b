"""What user asks on behalf of somebody who wants to be forgotten, or to know what is known of them."""

from libs.erasure.routes import personal_data_router
from libs.web.audience import internal
from services.order.dependencies import CallingService, OpenOrdersDep
from services.order.repository.privacy import EXPORT
from services.order.schemas.responses import OpenOrdersView

router = personal_data_router(EXPORT)


@router.get("/v1/users/{user_id}/open-orders", openapi_extra=internal())
async def count_open_orders(
    user_id: str, _caller: CallingService, orders: OpenOrdersDep
) -> OpenOrdersView:
    """Count somebody's orders that are not finished: goods, money or an answer are still to come."""
    return OpenOrdersView(open_orders=await orders.count(user_id))

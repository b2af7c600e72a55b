"""Every query of order, a module per subject."""

from services.order.repository.orders import (
    DueOrder,
    OrderDetails,
    OrderGoods,
    OrderRepository,
    OrderState,
    Patience,
)

__all__ = [
    "DueOrder",
    "OrderDetails",
    "OrderGoods",
    "OrderRepository",
    "OrderState",
    "Patience",
]

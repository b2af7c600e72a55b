"""Events order publishes."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from libs.contracts.erasure import ErasureCompleted
from libs.contracts.message import Amount, Event


class OrderLine(BaseModel):
    """One immutable line of an order, with the price it was sold at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sku: str
    title: str
    quantity: int
    unit_price_minor: int
    price_version: int


class OrderPlaced(Event):
    """An order exists, its stock is held and its payment was asked for."""

    type: ClassVar[str] = "order.placed.v1"
    publisher: ClassVar[str] = "order"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    user_id: str
    home_region: str
    cart_id: str
    cart_version: int
    lines: tuple[OrderLine, ...]
    total: Amount


class OrderConfirmed(Event):
    """The payment is authorised and the stock is sold: the order will be fulfilled."""

    type: ClassVar[str] = "order.confirmed.v1"
    publisher: ClassVar[str] = "order"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    user_id: str
    total: Amount


class OrderFailed(Event):
    """The order came to nothing; `reason` is a stable word such as `payment_declined`."""

    type: ClassVar[str] = "order.failed.v1"
    publisher: ClassVar[str] = "order"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    user_id: str
    reason: str


class OrderCancelled(Event):
    """The order was called off before shipment; stock and money go back."""

    type: ClassVar[str] = "order.cancelled.v1"
    publisher: ClassVar[str] = "order"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    user_id: str
    reason: str


class LineQuantity(BaseModel):
    """Some pieces of one line."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sku: str
    quantity: int


class OrderShipped(Event):
    """A parcel left the warehouse; `complete` when nothing is left to ship. Without lines it held everything."""

    type: ClassVar[str] = "order.shipped.v1"
    publisher: ClassVar[str] = "order"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    user_id: str
    shipment_id: str
    carrier: str
    lines: tuple[LineQuantity, ...] = ()
    complete: bool = True


class OrderLinesCancelled(Event):
    """Some pieces of a confirmed order were called off before they were shipped; `refund` goes back."""

    type: ClassVar[str] = "order.lines_cancelled.v1"
    publisher: ClassVar[str] = "order"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    user_id: str
    cancellation_id: str
    lines: tuple[LineQuantity, ...]
    refund: Amount


class OrderReturned(Event):
    """Shipped pieces came back; `refund` goes back to the customer."""

    type: ClassVar[str] = "order.returned.v1"
    publisher: ClassVar[str] = "order"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    user_id: str
    return_id: str
    lines: tuple[LineQuantity, ...]
    refund: Amount


class OrderErasureCompleted(ErasureCompleted):
    """Order has erased what it knew of a person."""

    type: ClassVar[str] = "order.erasure_completed.v1"
    publisher: ClassVar[str] = "order"

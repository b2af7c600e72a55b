"""Response shapes of the order service."""

from datetime import datetime
from typing import Literal

from libs.web.strict import ResponseModel


class MoneyView(ResponseModel):
    """An amount in minor units of an ISO 4217 currency."""

    amount_minor: int
    currency: str


class QuoteLine(ResponseModel):
    """One line at the authoritative price; `tax` is its own tax."""

    sku: str
    title: str
    quantity: int
    unit_price: MoneyView
    price_version: int
    amount: MoneyView
    tax: MoneyView


class QuoteView(ResponseModel):
    """What the cart costs now. Nothing is reserved: send `total` as `expected_total` with the order."""

    cart_id: str
    cart_version: int
    lines: list[QuoteLine]
    subtotal: MoneyView
    shipping: MoneyView
    tax: MoneyView
    tax_included: bool
    total: MoneyView


class AddressView(ResponseModel):
    """Where the goods go, as it was when the order was placed."""

    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str
    country: str


class PiecesView(ResponseModel):
    """Some pieces of one line."""

    sku: str
    quantity: int


class LineView(ResponseModel):
    """One immutable line as it was sold, and where its pieces are."""

    sku: str
    title: str
    quantity: int
    unit_price: MoneyView
    price_version: int
    amount: MoneyView
    tax: MoneyView
    cancelled: int
    shipped: int
    returned: int
    refunded: int


class RefundView(ResponseModel):
    """Money asked back once; `requested` until the provider answered.

    `pays_for` names the cancellation, the return or the refunded lines it is for.
    """

    refund_id: str
    order_id: str
    amount: MoneyView
    status: str
    reason: str
    pays_for: str | None
    lines: list[PiecesView]
    created_at: datetime


class CancellationView(ResponseModel):
    """Pieces called off before they were shipped. `refund` is asked for once the payment is captured."""

    cancellation_id: str
    lines: list[PiecesView]
    refund: MoneyView
    restock: str
    reason: str
    created_at: datetime


class ReturnView(ResponseModel):
    """Pieces that came back; `restock` tells whether they can be sold again: `none`, `requested`, `done`."""

    return_id: str
    order_id: str
    lines: list[PiecesView]
    refund: MoneyView
    restock: str
    reason: str
    created_at: datetime


class ShipmentView(ResponseModel):
    """A parcel and what is in it."""

    shipment_id: str
    order_id: str
    carrier: str
    tracking_number: str
    lines: list[PiecesView]
    created_at: datetime


class NextAction(ResponseModel):
    """What the customer has to do before the order can go on: confirm the payment at their bank (3-D Secure)."""

    type: Literal["redirect"]
    url: str


class OrderSummary(ResponseModel):
    """An order in a list. The three states are independent of each other."""

    order_id: str
    status: str
    payment_status: str
    shipment_status: str
    reason: str | None
    total: MoneyView
    version: int
    created_at: datetime
    updated_at: datetime


class OrderView(OrderSummary):
    """An order with all its parts."""

    cart_id: str
    cart_version: int
    lines: list[LineView]
    subtotal: MoneyView
    shipping: MoneyView
    tax: MoneyView
    tax_included: bool
    captured: MoneyView
    refunded: MoneyView
    payment_id: str | None
    next_action: NextAction | None
    ship_to: AddressView | None
    """None once the customer was forgotten."""
    cancellations: list[CancellationView]
    refunds: list[RefundView]
    returns: list[ReturnView]
    shipments: list[ShipmentView]


class ReceiptLine(ResponseModel):
    """One line of a receipt, as it was sold."""

    title: str
    quantity: int
    amount: MoneyView


class ReceiptView(ResponseModel):
    """What a customer is told of an order by mail."""

    order_id: str
    user_id: str
    lines: list[ReceiptLine]
    subtotal: MoneyView
    shipping: MoneyView
    tax: MoneyView
    tax_included: bool
    total: MoneyView


class TimelineEntryView(ResponseModel):
    """One step on one axis (`order`, `payment`, `shipment`) and what caused it."""

    sequence: int
    axis: str
    from_status: str | None
    to_status: str
    cause: str
    cause_event_id: str | None
    at: datetime


class TimelineView(ResponseModel):
    """Every step of an order, oldest first."""

    order_id: str
    items: list[TimelineEntryView]


class OpenOrdersView(ResponseModel):
    """How many orders of somebody's are not finished."""

    open_orders: int

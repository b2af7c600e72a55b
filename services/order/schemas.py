"""Request and response shapes of the order service."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from libs.web.strict import RequestModel, ResponseModel

Currency = Literal["USD", "EUR", "GBP", "INR", "JPY", "KWD"]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,5}_[0-9a-f]{32}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Token = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,10}_[A-Za-z0-9_]{1,190}$")]
"""A provider's token begins with what it is, such as `tok_`: a card number is refused before anything keeps it."""


class MoneyIn(RequestModel):
    """An amount a client names."""

    amount_minor: int = Field(ge=0, le=10**12, description="Minor units, such as cents")
    currency: Currency = Field(description="ISO 4217")


class MoneyView(ResponseModel):
    """An amount in minor units of an ISO 4217 currency."""

    amount_minor: int
    currency: str


class QuoteRequest(RequestModel):
    """What a total is asked for: a cart and where it goes."""

    cart_id: Id
    address_id: Id
    currency: Currency | None = Field(default=None, description="The cart's currency if left out")


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


class PlaceOrder(RequestModel):
    """An order for exactly what the customer saw: that version of the cart at that total."""

    cart_id: Id
    cart_version: int = Field(ge=0, le=2**31 - 1)
    expected_total: MoneyIn
    payment_method: Token = Field(description="The payment provider's token; never card data")
    address_id: Id


class AddressView(ResponseModel):
    """Where the goods go, as it was when the order was placed."""

    recipient: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str
    country: str


class LineView(ResponseModel):
    """One immutable line, as it was sold."""

    sku: str
    title: str
    quantity: int
    unit_price: MoneyView
    price_version: int
    amount: MoneyView
    tax: MoneyView


class RefundView(ResponseModel):
    """Money asked back once; `requested` until the provider answered."""

    refund_id: str
    order_id: str
    amount: MoneyView
    status: str
    reason: str
    created_at: datetime


class ShipmentView(ResponseModel):
    """A parcel."""

    shipment_id: str
    order_id: str
    carrier: str
    tracking_number: str
    created_at: datetime


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
    ship_to: AddressView
    refunds: list[RefundView]
    shipments: list[ShipmentView]


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


class CancelRequest(RequestModel):
    """Why the customer calls the order off."""

    reason: Literal["changed_mind", "ordered_by_mistake", "too_slow", "other"] = "changed_mind"


class ShipRequest(RequestModel):
    """The parcel that left."""

    carrier: Word
    tracking_number: Word


class RefundRequest(RequestModel):
    """How much goes back; all that is left without an amount."""

    amount: MoneyIn | None = None
    reason: Literal["requested_by_customer", "damaged", "not_delivered", "goodwill"] = (
        "requested_by_customer"
    )

"""Request and response shapes of the cart service."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from libs.web.strict import RequestModel, ResponseModel
from services.cart.domain import MOST_PIECES_PER_LINE, WarningCode

Sku = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Currency = Literal["USD", "EUR", "GBP", "INR", "JPY", "KWD"]
Quantity = Annotated[int, Field(ge=1, le=MOST_PIECES_PER_LINE)]


class NewCart(RequestModel):
    """How a cart starts."""

    currency: Currency = Field(default="USD", description="All prices of the cart, ISO 4217")


class NewItem(RequestModel):
    """Pieces to put into the cart."""

    sku: Sku
    quantity: Quantity = 1


class ItemChange(RequestModel):
    """The new number of pieces of a line."""

    quantity: Quantity


class GuestCart(RequestModel):
    """The guest's cart to take over at login."""

    guest_token: Annotated[str, StringConstraints(min_length=20, max_length=100)]


class AmountView(ResponseModel):
    """Money: integer minor units and an ISO 4217 code."""

    amount_minor: int
    currency: str


class LineView(ResponseModel):
    """One SKU in the cart; `current_unit_price_minor` is what it costs now, null if it is not for sale."""

    sku: str
    title: str
    quantity: int
    unit_price_minor: int
    price_version: int
    current_unit_price_minor: int | None


class WarningView(ResponseModel):
    """Something to look at before ordering; `old` and `new` are prices in minor units or numbers of pieces."""

    code: WarningCode
    sku: str
    old: int | None
    new: int | None


class CartView(ResponseModel):
    """A cart; the subtotal is an estimate at today's prices, a quote is binding."""

    cart_id: str
    status: str
    currency: str
    version: int
    lines: list[LineView]
    warnings: list[WarningView]
    estimated_subtotal: AmountView
    created_at: datetime
    updated_at: datetime


class OpenedCart(CartView):
    """A new cart; a guest finds the token to send as `Cart-Token` here, this once."""

    guest_token: str | None

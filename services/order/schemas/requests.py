"""Request shapes of the order service."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from libs.web.strict import RequestModel
from services.order.domain.return_url import refusal_of_return_url

Currency = Literal["USD", "EUR", "GBP", "INR", "JPY", "KWD"]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,5}_[0-9a-f]{32}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Token = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,10}_[A-Za-z0-9_]{1,190}$")]
"""A provider's token begins with what it is, such as `tok_`: a card number is refused before anything keeps it."""
MOST_LINES = 100


def _return_url(url: str) -> str:
    refusal = refusal_of_return_url(url)
    if refusal is not None:
        raise PydanticCustomError("return_url", refusal)
    return url


ReturnUrl = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_return_url)]


class MoneyIn(RequestModel):
    """An amount a client names."""

    amount_minor: int = Field(ge=0, le=10**12, description="Minor units, such as cents")
    currency: Currency = Field(description="ISO 4217")


class PiecesIn(RequestModel):
    """Some pieces of one line."""

    sku: Word
    quantity: int = Field(ge=1, le=1_000_000)


def _each_once(lines: list[PiecesIn]) -> list[PiecesIn]:
    if len({line.sku for line in lines}) < len(lines):
        raise PydanticCustomError("sku_repeated", "must name each sku once")
    return lines


Lines = Annotated[
    list[PiecesIn], Field(min_length=1, max_length=MOST_LINES), AfterValidator(_each_once)
]


class QuoteRequest(RequestModel):
    """What a total is asked for: a cart and where it goes."""

    cart_id: Id
    address_id: Id
    currency: Currency | None = Field(default=None, description="The cart's currency if left out")


class PlaceOrder(RequestModel):
    """An order for exactly what the customer saw: that version of the cart at that total."""

    cart_id: Id
    cart_version: int = Field(ge=0, le=2**31 - 1)
    expected_total: MoneyIn
    payment_method: Token = Field(description="The payment provider's token; never card data")
    address_id: Id
    return_url: ReturnUrl | None = Field(
        default=None,
        description="Where the bank sends the customer back to (3-D Secure): https, or http on this machine",
    )


class CancelRequest(RequestModel):
    """Why the customer calls the order off, or only some pieces of it."""

    lines: Lines | None = Field(default=None, description="The whole order if left out")
    reason: Literal["changed_mind", "ordered_by_mistake", "too_slow", "other"] = "changed_mind"


class ShipRequest(RequestModel):
    """The parcel that left."""

    carrier: Word
    tracking_number: Word
    lines: Lines | None = Field(default=None, description="All that is left to ship if left out")


class ReturnRequest(RequestModel):
    """Pieces that came back to the warehouse."""

    lines: Lines
    reason: Literal["changed_mind", "damaged", "wrong_item", "not_delivered", "other"] = "other"
    restock: bool = Field(description="Whether they can be sold again")


class RefundRequest(RequestModel):
    """What goes back: the price of shipped pieces, or an amount; all that is left without either."""

    amount: MoneyIn | None = None
    lines: Lines | None = None
    reason: Literal["requested_by_customer", "damaged", "not_delivered", "goodwill"] = (
        "requested_by_customer"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.amount is not None and self.lines is not None:
            raise PydanticCustomError("amount_and_lines", "must name an amount or lines, not both")
        if self.amount is not None and self.amount.amount_minor == 0:
            raise PydanticCustomError("amount_zero", "must be an amount above zero")
        return self

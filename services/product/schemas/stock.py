"""Bodies of stock levels, their ledger and reservations."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator

from libs.web.strict import RequestModel, ResponseModel
from services.product.domain.reservations import Line, Reservation
from services.product.domain.stock import Adjustment, StockLevel
from services.product.schemas.fields import Currency, OrderId, Quantity, Sku

LARGEST_ADJUSTMENT = 10**9
MOST_BUCKETS = 64


class Availability(ResponseModel):
    """How many pieces of a SKU can be bought now."""

    sku: str
    available: int


class StockLevelOut(ResponseModel):
    """Where the pieces of a SKU are; received = available + held + sold, always."""

    sku: str
    product_id: str
    received: int
    available: int
    held: int
    sold: int
    version: int
    updated_at: datetime
    buckets: Annotated[int, Field(description="rows the pieces are in; 0 means one, as usual")]

    @classmethod
    def of(cls, level: StockLevel) -> Self:
        return cls.model_validate(level)


class Spread(RequestModel):
    """In how many rows a SKU's pieces are to be. One row again is `1`."""

    buckets: Annotated[int, Field(ge=1, le=MOST_BUCKETS)]


class NewAdjustment(RequestModel):
    """Pieces that came (positive) or went (negative)."""

    quantity: Annotated[int, Field(ge=-LARGEST_ADJUSTMENT, le=LARGEST_ADJUSTMENT)]
    reason: Literal["received", "returned", "damaged", "lost", "found", "correction"]
    note: Annotated[str | None, Field(max_length=500)] = None

    @field_validator("quantity")
    @classmethod
    def _moves_something(cls, quantity: int) -> int:
        if quantity == 0:
            raise ValueError("must not be zero")
        return quantity


class AdjustmentOut(ResponseModel):
    """One line of the stock ledger."""

    adjustment_id: int
    sku: str
    quantity: int
    reason: str
    note: str | None
    available_after: int
    created_at: datetime

    @classmethod
    def of(cls, adjustment: Adjustment) -> Self:
        return cls(
            adjustment_id=adjustment.id,
            sku=adjustment.sku,
            quantity=adjustment.quantity,
            reason=adjustment.reason,
            note=adjustment.note,
            available_after=adjustment.available_after,
            created_at=adjustment.created_at,
        )


class HoldLine(RequestModel):
    """Pieces of one SKU."""

    sku: Sku
    quantity: Quantity


class HoldRequest(RequestModel):
    """Everything an order wants held, all or nothing."""

    order_id: OrderId
    currency: Currency
    lines: Annotated[list[HoldLine], Field(min_length=1, max_length=100)]
    ttl_seconds: Annotated[int | None, Field(ge=1, le=86_400)] = None

    def wanted(self) -> list[Line]:
        return [Line(line.sku, line.quantity) for line in self.lines]


class ReservedLineOut(ResponseModel):
    """A held line with the authoritative price of one piece."""

    sku: str
    product_id: str
    title: str
    quantity: int
    unit_price_minor: int
    price_version: int


class ReservationOut(ResponseModel):
    """An order's reservation; a tombstone has no currency and no lines."""

    order_id: str
    state: Literal["held", "committed", "expired", "released", "rejected"]
    currency: str | None
    expires_at: datetime | None
    lines: list[ReservedLineOut]

    @classmethod
    def of(cls, reservation: Reservation) -> Self:
        return cls(
            order_id=reservation.order_id,
            state=reservation.state.value,
            currency=reservation.currency,
            expires_at=reservation.expires_at,
            lines=[ReservedLineOut.model_validate(line) for line in reservation.lines],
        )

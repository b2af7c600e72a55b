"""Events product publishes and commands it receives."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from libs.contracts.erasure import ErasureCompleted
from libs.contracts.message import Command, Event


class VariantPrice(BaseModel):
    """What one variant costs in one currency; the version grows with every change."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    currency: str
    amount_minor: int
    version: int


class VariantState(BaseModel):
    """One sellable form of a product."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sku: str
    title: str
    prices: tuple[VariantPrice, ...]


class ProductChanged(Event):
    """The full public state of a product after a change; a projection keeps the highest version it saw."""

    type: ClassVar[str] = "product.changed.v1"
    publisher: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "product_id"

    product_id: str
    slug: str
    title: str
    status: Literal["draft", "active", "archived"]
    variants: tuple[VariantState, ...]


class StockChanged(Event):
    """How much of a SKU can be bought now. Its versions count separately from the product's."""

    type: ClassVar[str] = "stock.changed.v1"
    publisher: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "sku"

    sku: str
    available: int


class StockCommitted(Event):
    """The pieces held for an order are sold."""

    type: ClassVar[str] = "stock.committed.v1"
    publisher: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "order_id"

    order_id: str


class StockCommitRejected(Event):
    """The hold had expired and the pieces could not be had again."""

    type: ClassVar[str] = "stock.commit_rejected.v1"
    publisher: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    reason: str


class StockReleased(Event):
    """The pieces held for or sold to an order can be bought again."""

    type: ClassVar[str] = "stock.released.v1"
    publisher: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "order_id"

    order_id: str


class StockReturned(Event):
    """Some pieces sold to an order can be bought again; `return_id` is the order's own id for them."""

    type: ClassVar[str] = "stock.returned.v1"
    publisher: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    return_id: str


class CommitStock(Command):
    """Turn an order's hold into a sale; acquire it again if it expired."""

    type: ClassVar[str] = "stock.commit.v1"
    receiver: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "order_id"

    order_id: str


class ReleaseStock(Command):
    """Give an order's pieces back, whether held or already sold."""

    type: ClassVar[str] = "stock.release.v1"
    receiver: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    reason: str


class ReturnedPieces(BaseModel):
    """Pieces of one SKU that come back."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sku: str
    quantity: int


class ReturnStock(Command):
    """Give some of an order's sold pieces back, once per `return_id`; the rest stays sold."""

    type: ClassVar[str] = "stock.return.v1"
    receiver: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    return_id: str
    lines: tuple[ReturnedPieces, ...]
    reason: str


class ExtendHold(Command):
    """Keep an order's hold for `ttl_seconds` from now, while the customer confirms the payment. Has no answer."""

    type: ClassVar[str] = "stock.extend.v1"
    receiver: ClassVar[str] = "product"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    ttl_seconds: int


class ProductErasureCompleted(ErasureCompleted):
    """Product has erased what it knew of a person."""

    type: ClassVar[str] = "product.erasure_completed.v1"
    publisher: ClassVar[str] = "product"

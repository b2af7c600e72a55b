"""Events cart publishes."""

from typing import ClassVar

from libs.contracts.erasure import ErasureCompleted
from libs.contracts.message import Event


class CartMerged(Event):
    """A guest's cart became part of a user's at login."""

    type: ClassVar[str] = "cart.merged.v1"
    publisher: ClassVar[str] = "cart"
    subject_field: ClassVar[str] = "cart_id"

    cart_id: str
    guest_cart_id: str
    user_id: str
    home_region: str


class CartErasureCompleted(ErasureCompleted):
    """Cart has erased what it knew of a person."""

    type: ClassVar[str] = "cart.erasure_completed.v1"
    publisher: ClassVar[str] = "cart"

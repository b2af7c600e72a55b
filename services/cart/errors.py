"""Every way a request for a cart can be refused."""

from typing import ClassVar

from libs.errors import DomainError


class CartNotFound(DomainError):
    """No such cart, or it is not the caller's: the answer must not tell which."""

    code: ClassVar[str] = "cart_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Cart not found"


class CartAccessRequired(DomainError):
    """Neither an access token nor a guest's cart token came with the request."""

    code: ClassVar[str] = "cart_access_required"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "Say whose cart it is"


class CartClosed(DomainError):
    """The cart was merged into another one and takes no more changes."""

    code: ClassVar[str] = "cart_closed"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Cart is closed"


class VariantNotFound(DomainError):
    """No variant has this SKU."""

    code: ClassVar[str] = "cart_variant_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Unknown SKU"


class VariantNotForSale(DomainError):
    """The variant exists, but cannot be bought now or not in the cart's currency."""

    code: ClassVar[str] = "variant_not_for_sale"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Not for sale"


class CartFull(DomainError):
    """A line or the cart has reached its limit."""

    code: ClassVar[str] = "cart_full"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Cart is full"

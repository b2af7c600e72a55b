"""Every way an order request can be refused, and the two signals the saga's rules send to its consumers."""

from collections.abc import Mapping
from typing import ClassVar

from libs.errors import DomainError


class OrderNotFound(DomainError):
    """No such order, or it belongs to somebody else: the answer must not tell which."""

    code: ClassVar[str] = "order_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Order not found"


class CheckoutPaused(DomainError):
    """The shop takes no orders for the moment; those under way go on."""

    code: ClassVar[str] = "checkout_paused"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "Orders are not taken at the moment"

    def __init__(self) -> None:
        super().__init__(
            "Nothing was ordered, and the cart is kept: try again later.",
            headers={"Retry-After": "300"},
        )


class CartNotFound(DomainError):
    """The cart is unknown to cart, or is not the caller's."""

    code: ClassVar[str] = "order_cart_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Cart not found"


class AddressNotFound(DomainError):
    """The address is unknown to user, or is not the caller's."""

    code: ClassVar[str] = "order_address_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Address not found"


class CartEmpty(DomainError):
    """There is nothing in the cart to quote or to order."""

    code: ClassVar[str] = "cart_empty"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Cart is empty"


class CartChanged(DomainError):
    """The cart moved on since the customer looked at it."""

    code: ClassVar[str] = "cart_changed"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Cart has changed"


class CartAlreadyOrdered(DomainError):
    """A live order for this version of the cart exists; the problem names it."""

    code: ClassVar[str] = "cart_already_ordered"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Cart is already ordered"


class HoldRefused(DomainError):
    """Product refused to hold the lines; the problem carries product's own code, such as `out_of_stock`, and details."""

    code: ClassVar[str] = "hold_refused"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Stock could not be held"

    def __init__(self, code: str, detail: str, extensions: Mapping[str, object]) -> None:
        super().__init__(detail, extensions=extensions)
        # A code belongs to one class, and this one to product: clients branch on the reason, not on who passed it on.
        self.__dict__["code"] = code or self.code


class VariantUnavailable(DomainError):
    """A line of the cart has no price in the wanted currency any more."""

    code: ClassVar[str] = "variant_unavailable"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Item cannot be sold"


class TotalChanged(DomainError):
    """The authoritative total differs from the one the customer agreed to; the problem carries the new quote."""

    code: ClassVar[str] = "total_changed"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Total has changed"


class DestinationNotServed(DomainError):
    """No tax or shipping row covers the destination in this currency."""

    code: ClassVar[str] = "destination_not_served"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Destination is not served"


class PaymentDeclined(DomainError):
    """The provider refused the payment while the caller waited; the order is failed and the stock goes back."""

    code: ClassVar[str] = "payment_declined"
    status: ClassVar[int] = 402
    title: ClassVar[str] = "Payment declined"


class OrderNotPlaced(DomainError):
    """The order came to nothing while the caller waited, for another reason than a declined payment."""

    code: ClassVar[str] = "order_not_placed"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Order came to nothing"


class NotCancellable(DomainError):
    """Failed orders cannot be cancelled, and shipped pieces only be returned."""

    code: ClassVar[str] = "order_not_cancellable"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Order cannot be cancelled"


class NotShippable(DomainError):
    """Only a confirmed order whose money was captured, and is not on its way back, can be shipped."""

    code: ClassVar[str] = "order_not_shippable"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Order cannot be shipped"


class NotReturnable(DomainError):
    """Only pieces that were shipped, and did not come back yet, can be returned."""

    code: ClassVar[str] = "order_not_returnable"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Order cannot be returned"


class NotRefundable(DomainError):
    """Nothing was captured, or the order pays itself back already."""

    code: ClassVar[str] = "order_not_refundable"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Order cannot be refunded"


class RefundTooLarge(DomainError):
    """The amount exceeds what was captured and has not been asked back yet."""

    code: ClassVar[str] = "refund_too_large"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Refund exceeds the captured amount"


class LastEventIdInvalid(DomainError):
    """`Last-Event-ID` is not a number this stream handed out."""

    code: ClassVar[str] = "last_event_id_invalid"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Last-Event-ID is not valid"


class IllegalTransition(DomainError):
    """A change outside the table of legal edges: a bug, caught before the database would refuse it."""

    code: ClassVar[str] = "order_transition_illegal"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Transition is not allowed"


class PrecedesItsState(Exception):
    """An event told of a step whose predecessor is not known yet; it is parked and tried again later."""


class UnknownRefund(Exception):
    """Payment answered a refund this order never asked for: a person must look (dead-letter queue)."""


class UnknownAdjustment(Exception):
    """Product took pieces back this order never gave: a person must look (dead-letter queue)."""

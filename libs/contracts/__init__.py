"""Every message that crosses a service boundary, defined once: events by publisher, commands by receiver."""

from typing import Final

from libs.contracts import auth, cart, order, payment, product, user
from libs.contracts.message import Command, Event, Message

__all__ = ["COMMANDS", "EVENTS", "MESSAGES", "Command", "Event", "Message"]

EVENTS: Final[tuple[type[Event], ...]] = (
    auth.IdentityRegistered,
    auth.IdentityForgotten,
    auth.EmailVerificationRequested,
    auth.PasswordResetRequested,
    auth.EmailChangeRequested,
    auth.SecurityChanged,
    auth.AuthErasureCompleted,
    user.ProfileCreated,
    user.ErasureRequested,
    user.UserErased,
    product.ProductChanged,
    product.StockChanged,
    product.StockCommitted,
    product.StockCommitRejected,
    product.StockReleased,
    product.StockReturned,
    product.ProductErasureCompleted,
    cart.CartMerged,
    cart.CartErasureCompleted,
    order.OrderPlaced,
    order.OrderConfirmed,
    order.OrderFailed,
    order.OrderCancelled,
    order.OrderShipped,
    order.OrderLinesCancelled,
    order.OrderReturned,
    order.OrderErasureCompleted,
    payment.PaymentAuthorized,
    payment.PaymentDeclined,
    payment.PaymentOutcomeUnknown,
    payment.PaymentActionRequired,
    payment.PaymentCaptured,
    payment.PaymentVoided,
    payment.PaymentRefunded,
    payment.PaymentRefundFailed,
    payment.PaymentErasureCompleted,
)

COMMANDS: Final[tuple[type[Command], ...]] = (
    product.CommitStock,
    product.ReleaseStock,
    product.ReturnStock,
    product.ExtendHold,
    payment.AuthorizePayment,
    payment.CapturePayment,
    payment.VoidPayment,
    payment.RefundPayment,
)

MESSAGES: Final[dict[str, type[Message]]] = {
    message.type: message for message in (*EVENTS, *COMMANDS)
}
"""Wire type to class, for consumers and generators."""

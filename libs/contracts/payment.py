"""Events payment publishes and commands it receives. A payment method is the provider's token, never card data."""

from typing import ClassVar

from libs.contracts.erasure import ErasureCompleted
from libs.contracts.message import Amount, Command, Event


class PaymentAuthorized(Event):
    """The provider promises the amount."""

    type: ClassVar[str] = "payment.authorized.v1"
    publisher: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "payment_id"

    payment_id: str
    order_id: str
    amount: Amount


class PaymentDeclined(Event):
    """The provider refused; `reason` is a stable word such as `insufficient_funds`."""

    type: ClassVar[str] = "payment.declined.v1"
    publisher: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "payment_id"

    payment_id: str
    order_id: str
    reason: str


class PaymentOutcomeUnknown(Event):
    """The provider did not answer; the truth is being asked for with the same key."""

    type: ClassVar[str] = "payment.outcome_unknown.v1"
    publisher: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "payment_id"

    payment_id: str
    order_id: str


class PaymentActionRequired(Event):
    """The customer must confirm the payment with their bank at `redirect_url` (3-D Secure) before it can go on."""

    type: ClassVar[str] = "payment.action_required.v1"
    publisher: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "payment_id"

    payment_id: str
    order_id: str
    redirect_url: str


class PaymentCaptured(Event):
    """The money moved and the ledger says so."""

    type: ClassVar[str] = "payment.captured.v1"
    publisher: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "payment_id"

    payment_id: str
    order_id: str
    amount: Amount


class PaymentVoided(Event):
    """The authorisation was given back; nothing was charged."""

    type: ClassVar[str] = "payment.voided.v1"
    publisher: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "payment_id"

    payment_id: str
    order_id: str


class PaymentRefunded(Event):
    """One refund went through; `refund_id` is the order's own id for it."""

    type: ClassVar[str] = "payment.refunded.v1"
    publisher: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "payment_id"

    payment_id: str
    order_id: str
    refund_id: str
    amount: Amount
    refunded_total_minor: int


class PaymentRefundFailed(Event):
    """One refund was refused by the provider or by the rule that refunds never exceed the capture."""

    type: ClassVar[str] = "payment.refund_failed.v1"
    publisher: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "payment_id"

    payment_id: str
    order_id: str
    refund_id: str
    reason: str


class AuthorizePayment(Command):
    """Reserve the order's total on the customer's payment method; the bank sends the customer back to `return_url`."""

    type: ClassVar[str] = "payment.authorize.v1"
    receiver: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    user_id: str
    home_region: str
    amount: Amount
    payment_method: str
    return_url: str | None = None


class CapturePayment(Command):
    """Move the authorised amount."""

    type: ClassVar[str] = "payment.capture.v1"
    receiver: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "order_id"

    order_id: str


class VoidPayment(Command):
    """Give the authorisation back; a payment authorised after this command is voided as well."""

    type: ClassVar[str] = "payment.void.v1"
    receiver: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    reason: str


class RefundPayment(Command):
    """Return a captured amount, in whole or in part, once per `refund_id`."""

    type: ClassVar[str] = "payment.refund.v1"
    receiver: ClassVar[str] = "payment"
    subject_field: ClassVar[str] = "order_id"

    order_id: str
    refund_id: str
    amount: Amount
    reason: str


class PaymentErasureCompleted(ErasureCompleted):
    """Payment has erased what it knew of a person."""

    type: ClassVar[str] = "payment.erasure_completed.v1"
    publisher: ClassVar[str] = "payment"

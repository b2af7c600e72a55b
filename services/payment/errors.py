"""Refusals of the payment service."""

from typing import ClassVar

from libs.errors import DomainError


class PaymentNotFound(DomainError):
    """No payment with this id, or none the caller may see."""

    code: ClassVar[str] = "payment_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Payment not found"

    def __init__(self) -> None:
        super().__init__("There is no such payment among those you may see.")


class WebhookSignatureInvalid(DomainError):
    """The webhook was not signed with a live secret, or not within the tolerance."""

    code: ClassVar[str] = "webhook_signature_invalid"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Webhook signature invalid"


class WebhookUnreadable(DomainError):
    """The webhook is signed, but is no event."""

    code: ClassVar[str] = "webhook_unreadable"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Webhook unreadable"


class WebhookTooLarge(DomainError):
    """The webhook's body exceeds what any event needs."""

    code: ClassVar[str] = "webhook_too_large"
    status: ClassVar[int] = 413
    title: ClassVar[str] = "Webhook too large"


class RefundIdReused(DomainError):
    """A refund command names the refund of another payment; a fault of the sender, kept in the dead letters."""

    code: ClassVar[str] = "refund_id_reused"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Refund id reused"


class CaseNotFound(DomainError):
    """No reconciliation case with this id."""

    code: ClassVar[str] = "case_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Case not found"

    def __init__(self) -> None:
        super().__init__("There is no such case.")


class CaseAlreadyResolved(DomainError):
    """The case is closed: a difference that comes back is found by the next comparison."""

    code: ClassVar[str] = "case_already_resolved"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Case already resolved"

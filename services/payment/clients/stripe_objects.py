"""Stripe's payment intents and refunds, as far as they need to be understood, and what they say about a call of ours."""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from services.payment.clients.stripe_amounts import from_stripe
from services.payment.domain.states import (
    ActionRequired,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
)


class _Object(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Failure(_Object):
    """Why a payment was declined; the issuer's word before Stripe's."""

    code: str | None = None
    decline_code: str | None = None

    @property
    def reason(self) -> str:
        return self.decline_code or self.code or "card_declined"


class _Redirect(_Object):
    url: str


class _NextAction(_Object):
    redirect_to_url: _Redirect | None = None


class Intent(_Object):
    """A payment intent: our authorisation, capture and void."""

    id: str
    amount: int
    currency: str
    status: str
    created: int = 0
    amount_capturable: int = 0
    amount_received: int = 0
    last_payment_error: Failure | None = None
    next_action: _NextAction | None = None
    metadata: dict[str, str] = Field(default_factory=dict)

    def verdict(self, purpose: Purpose) -> Verdict:
        """Read the intent as the answer to a call of this purpose."""
        if purpose is Purpose.AUTHORIZE:
            return self._authorization()
        if purpose is Purpose.CAPTURE and self.status == "succeeded":
            return _succeeded(self.id, self.amount_received, self.currency)
        if purpose is Purpose.CAPTURE and self.status == "canceled":
            return Refused("payment_intent_canceled")
        if purpose is Purpose.VOID and self.status == "canceled":
            return _succeeded(self.id, self.amount, self.currency)
        return Unknown(f"intent_{self.status}")

    def _authorization(self) -> Verdict:
        match self.status:
            case "requires_capture":
                return _succeeded(self.id, self.amount_capturable, self.currency)
            case "succeeded":  # what came after an authorisation proves that it was given
                return _succeeded(self.id, self.amount, self.currency)
            case "requires_payment_method":
                return Refused((self.last_payment_error or Failure()).reason)
            case "canceled":  # whoever cancelled it, nothing is reserved any more
                return Refused("payment_intent_canceled")
            case "requires_action":
                return self._challenge()
            case _:
                return Unknown(f"intent_{self.status}")

    def _challenge(self) -> Verdict:
        redirect = self.next_action.redirect_to_url if self.next_action else None
        if redirect is None:
            return Unknown("action_unsupported")
        return ActionRequired(redirect.url, self.id)


class Refund(_Object):
    """A refund; it may take Stripe days to know."""

    id: str
    amount: int
    currency: str
    status: str | None
    created: int = 0
    payment_intent: str | None = None
    failure_reason: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)

    def verdict(self) -> Verdict:
        """Read the refund as the answer to the call that asked for it."""
        if self.status == "succeeded":
            return _succeeded(self.id, self.amount, self.currency)
        if self.status in _REFUND_FAILED:
            return Refused(self.failure_reason or f"refund_{self.status}")
        return Unknown(f"refund_{self.status}")


_REFUND_FAILED: Final = frozenset({"failed", "canceled"})

Charged = Intent | Refund


def read_object(purpose: Purpose, body: Mapping[str, object]) -> Charged:
    """Read the object a call of this purpose is about.

    Raises:
        ValidationError: it is not what Stripe documents.
    """
    return (Refund if purpose is Purpose.REFUND else Intent).model_validate(body)


def verdict_of(purpose: Purpose, charged: Charged) -> Verdict:
    """Read an object as the answer to a call of this purpose."""
    return charged.verdict() if isinstance(charged, Refund) else charged.verdict(purpose)


def _succeeded(reference: str, amount: int, currency: str) -> Verdict:
    money = from_stripe(amount, currency)
    return Succeeded(reference, money) if money else Unknown("currency_unknown")

"""The payment simulator's webhooks: what each of its events says about a call of ours."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from libs.money import MINOR_DIGITS, Money
from services.payment.domain.notices import Irrelevant, Notice
from services.payment.domain.states import (
    ActionRequired,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
)

_PURPOSES: Final[Mapping[str, Purpose]] = {
    "charge.requires_action": Purpose.AUTHORIZE,
    "charge.authorized": Purpose.AUTHORIZE,
    "charge.declined": Purpose.AUTHORIZE,
    "charge.captured": Purpose.CAPTURE,
    "charge.voided": Purpose.VOID,
    "refund.succeeded": Purpose.REFUND,
}


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    payment_id: str
    order_id: str
    refund_id: str | None = None


class _Object(BaseModel):
    """A charge or a refund, as far as a webhook needs to be understood."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    object: Literal["charge", "refund"]
    id: str
    amount_minor: int
    currency: str
    captured_minor: int = 0
    decline_code: str | None = None
    redirect_url: str | None = None
    metadata: _Metadata


class _Data(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    object: _Object


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    data: _Data


def read_event(event_type: str, body: str) -> Notice | Irrelevant:
    """Read an event of the simulator's."""
    purpose = _PURPOSES.get(event_type)
    if purpose is None:
        return Irrelevant("unknown type")
    try:
        subject = _Event.model_validate_json(body).data.object
    except ValidationError:
        return Irrelevant("no such payment")
    return Notice(
        payment_id=subject.metadata.payment_id,
        order_id=subject.metadata.order_id,
        purpose=purpose,
        refund_id=subject.metadata.refund_id,
        verdict=_verdict(event_type, subject, purpose),
    )


def _verdict(event_type: str, subject: _Object, purpose: Purpose) -> Verdict:
    if event_type == "charge.declined":
        return Refused(subject.decline_code or "declined")
    if event_type == "charge.requires_action":
        url = subject.redirect_url
        return ActionRequired(url, subject.id) if url else Unknown("redirect_missing")
    if subject.currency not in MINOR_DIGITS:
        return Unknown("currency_unknown")
    amount = subject.captured_minor if purpose is Purpose.CAPTURE else subject.amount_minor
    return Succeeded(subject.id, Money(amount, subject.currency))

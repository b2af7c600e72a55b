"""Stripe's webhooks: what each of its events says about a call of ours."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from services.payment.clients.stripe_objects import Charged, read_object, verdict_of
from services.payment.domain.notices import Irrelevant, Notice
from services.payment.domain.states import Purpose, Unknown

_PURPOSES: Final[Mapping[str, Purpose]] = {
    "payment_intent.amount_capturable_updated": Purpose.AUTHORIZE,
    "payment_intent.requires_action": Purpose.AUTHORIZE,
    "payment_intent.payment_failed": Purpose.AUTHORIZE,
    "payment_intent.succeeded": Purpose.CAPTURE,
    "payment_intent.canceled": Purpose.VOID,
    "refund.created": Purpose.REFUND,
    "refund.updated": Purpose.REFUND,
    "refund.failed": Purpose.REFUND,
}

_TOLD_ELSEWHERE: Final = {"charge.refunded": "the refund's own event tells it"}


class _Data(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    object: dict[str, Any]


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    data: _Data


def read_event(event_type: str, body: str) -> Notice | Irrelevant:
    """Read an event of Stripe's, from the API version this client is pinned to or a compatible one."""
    purpose = _PURPOSES.get(event_type)
    if purpose is None:
        return Irrelevant(_TOLD_ELSEWHERE.get(event_type, "unknown type"))
    try:
        subject = read_object(purpose, _Event.model_validate_json(body).data.object)
    except ValidationError:
        return Irrelevant("no such payment")
    return _notice(purpose, subject)


def _notice(purpose: Purpose, subject: Charged) -> Notice | Irrelevant:
    payment_id, order_id = subject.metadata.get("payment_id"), subject.metadata.get("order_id")
    if payment_id is None or order_id is None:
        return Irrelevant("no such payment")
    verdict = verdict_of(purpose, subject)
    if isinstance(verdict, Unknown) and verdict.reason != "currency_unknown":
        return Irrelevant(f"nothing final: {verdict.reason}")
    return Notice(payment_id, order_id, purpose, subject.metadata.get("refund_id"), verdict)

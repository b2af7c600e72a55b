"""What a provider's webhook says, in words of ours."""

from dataclasses import dataclass

from services.payment.domain.states import Purpose, Verdict


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of one of our calls, according to the provider."""

    payment_id: str
    order_id: str
    purpose: Purpose
    refund_id: str | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Irrelevant:
    """An event that answers no call of ours; `reason` is kept with it."""

    reason: str

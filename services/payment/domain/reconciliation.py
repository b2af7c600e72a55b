"""What the provider's book of a day and ours have to agree on, and how a difference is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from services.payment.domain.records import Payment
from services.payment.domain.states import PaymentState, Purpose, RefundState

S = PaymentState


class Kind(StrEnum):
    """What is wrong between the two books."""

    MISSING_HERE = "missing_here"
    """The provider holds or took money for a payment we do not know."""
    MISSING_THERE = "missing_there"
    """We recorded money the provider knows nothing of."""
    AMOUNT = "amount"
    CURRENCY = "currency"
    DUPLICATE_CHARGE = "duplicate_charge"
    """The provider charged a payment of ours a second time."""
    REFUND_ONLY = "refund_only"
    """The provider returned money we did not ask it to return."""
    STATE = "state"
    """Captured there and voided here, failed there and succeeded here, and the like."""
    LEDGER_MISSING = "ledger_missing"
    """The payment's money moved, but the ledger does not say so."""


class Theirs(StrEnum):
    """Where a charge stands in the provider's book."""

    OPEN = "open"
    """The customer or the provider is still at it."""
    RESERVED = "reserved"
    TAKEN = "taken"
    RELEASED = "released"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge as the provider has it; ids of ours are as it was told them, and may be missing."""

    reference: str
    payment_id: str | None
    order_id: str | None
    state: Theirs
    amount_minor: int
    taken_minor: int
    currency: str

    @property
    def is_live(self) -> bool:
        """Tell whether it holds or took the customer's money."""
        return self.state in (Theirs.RESERVED, Theirs.TAKEN)


@dataclass(frozen=True, slots=True)
class Returned:
    """A refund as the provider has it. `state` is None while the provider is still at it."""

    reference: str
    charge_reference: str | None
    payment_id: str | None
    order_id: str | None
    refund_id: str | None
    state: RefundState | None
    amount_minor: int
    currency: str


Movement = Charge | Returned


@dataclass(frozen=True, slots=True)
class OurRefund:
    """A refund as we have it, with what it takes to find it in the provider's book."""

    id: str
    payment_id: str
    order_id: str
    charge_reference: str | None
    state: RefundState
    amount_minor: int
    currency: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Break:
    """A difference. `subject` names what it is about, so that the same difference is found as the same."""

    kind: Kind
    subject: str
    payment_id: str | None
    order_id: str | None
    provider_reference: str | None
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day that is compared. What changed here after `quiet_since` may still be on its way."""

    date: date
    quiet_since: datetime


_AGREE: Final[Mapping[Theirs, frozenset[PaymentState]]] = {
    Theirs.OPEN: frozenset({S.AUTHORIZING, S.OUTCOME_UNKNOWN, S.REQUIRES_ACTION}),
    Theirs.RESERVED: frozenset({S.AUTHORIZED}),
    Theirs.TAKEN: frozenset({S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED}),
    # A refused capture is given back and told as a decline.
    Theirs.RELEASED: frozenset({S.VOIDED, S.DECLINED}),
    Theirs.DECLINED: frozenset({S.DECLINED, S.VOIDED}),
}
"""The states in which both books say the same. Any other pair is a break once it is no longer in flight."""

CLAIMING: Final = frozenset(
    {S.AUTHORIZED, S.CAPTURING, S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED}
)
"""States in which we say that the provider holds a charge."""

TAKING: Final = frozenset({S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED})
"""States in which the ledger holds a capture."""


def compare_charge(charge: Charge, payment: Payment | None, day: Day) -> Break | None:
    """Compare a charge of theirs with the payment it names."""
    if payment is None:
        kind = Kind.MISSING_HERE if charge.is_live else None
    elif payment.provider_reference not in (None, charge.reference):
        # Only the charge we know of is our payment; a dead one beside it took nothing.
        kind = Kind.DUPLICATE_CHARGE if charge.is_live else None
    else:
        kind = _difference(charge, payment, day)
    return _about(charge, payment, kind) if kind else None


def _difference(charge: Charge, payment: Payment, day: Day) -> Kind | None:
    money = payment.money
    if money is not None and charge.currency != money.currency:
        return Kind.CURRENCY
    if money is not None and charge.amount_minor != money.amount_minor:
        return Kind.AMOUNT
    if payment.updated_at > day.quiet_since:
        return None
    if payment.state not in _AGREE[charge.state]:
        return Kind.STATE
    taken = charge.taken_minor if charge.state is Theirs.TAKEN else payment.captured_minor
    return None if taken == payment.captured_minor else Kind.AMOUNT


def compare_return(returned: Returned, refund: OurRefund | None, day: Day) -> Break | None:
    """Compare a refund of theirs with the refund it names."""
    if refund is None:
        succeeded = returned.state is RefundState.SUCCEEDED
        return _about_return(returned, None, Kind.REFUND_ONLY) if succeeded else None
    if returned.currency != refund.currency:
        return _about_return(returned, refund, Kind.CURRENCY)
    if returned.amount_minor != refund.amount_minor:
        return _about_return(returned, refund, Kind.AMOUNT)
    if refund.updated_at > day.quiet_since or returned.state is None:
        return None
    return None if returned.state is refund.state else _about_return(returned, refund, Kind.STATE)


def duplicate(movement: Movement) -> Break:
    """Report the second movement under an id of ours that may have but one."""
    if isinstance(movement, Charge):
        return _about(movement, None, Kind.DUPLICATE_CHARGE)
    return _about_return(movement, None, Kind.REFUND_ONLY)


def missing_charge(payment: Payment) -> Break:
    """Report a payment whose charge the provider does not know."""
    return Break(
        Kind.MISSING_THERE,
        payment.id,
        payment.id,
        payment.order_id,
        payment.provider_reference,
        _ours(payment),
        "no such charge",
    )


def missing_return(refund: OurRefund) -> Break:
    """Report a refund the provider does not know."""
    return Break(
        Kind.MISSING_THERE,
        refund.id,
        refund.payment_id,
        refund.order_id,
        refund.charge_reference,
        _our_refund(refund),
        "no such refund",
    )


def unbooked(
    payment_id: str,
    order_id: str,
    purpose: str,
    *,
    moved_minor: int,
    booked_minor: int | None,
    currency: str,
) -> Break | None:
    """Compare money that moved with its ledger transaction; None when they agree."""
    if moved_minor == booked_minor:
        return None
    return Break(
        Kind.LEDGER_MISSING,
        f"{payment_id}:{purpose}",
        payment_id,
        order_id,
        None,
        "not booked" if booked_minor is None else f"booked {booked_minor} {currency}",
        f"{purpose.partition(':')[0]} of {moved_minor} {currency}",
    )


def capture_unbooked(payment: Payment, booked_minor: int | None) -> Break | None:
    """Compare a captured payment with the ledger; None when they agree or nothing was captured."""
    if payment.state not in TAKING or payment.money is None:
        return None
    return unbooked(
        payment.id,
        payment.order_id,
        Purpose.CAPTURE,
        moved_minor=payment.captured_minor,
        booked_minor=booked_minor,
        currency=payment.money.currency,
    )


def refund_unbooked(refund: OurRefund, booked_minor: int | None) -> Break | None:
    """Compare a refund that went through with the ledger; None when they agree."""
    return unbooked(
        refund.payment_id,
        refund.order_id,
        f"{Purpose.REFUND}:{refund.id}",
        moved_minor=refund.amount_minor,
        booked_minor=booked_minor,
        currency=refund.currency,
    )


def _about(charge: Charge, payment: Payment | None, kind: Kind) -> Break:
    taken = f", took {charge.taken_minor}" if charge.state is Theirs.TAKEN else ""
    return Break(
        kind,
        charge.reference,
        payment.id if payment else charge.payment_id,
        payment.order_id if payment else charge.order_id,
        charge.reference,
        _ours(payment) if payment else "no such payment",
        f"{charge.state} {charge.amount_minor} {charge.currency}{taken}",
    )


def _about_return(returned: Returned, refund: OurRefund | None, kind: Kind) -> Break:
    return Break(
        kind,
        returned.reference,
        refund.payment_id if refund else returned.payment_id,
        refund.order_id if refund else returned.order_id,
        returned.reference,
        _our_refund(refund) if refund else "no such refund",
        f"{returned.state or 'pending'} {returned.amount_minor} {returned.currency}",
    )


def _ours(payment: Payment) -> str:
    if payment.money is None:
        return str(payment.state)
    money = payment.money
    return f"{payment.state} {money.amount_minor} {money.currency}, took {payment.captured_minor}"


def _our_refund(refund: OurRefund) -> str:
    return f"{refund.state} {refund.amount_minor} {refund.currency}"

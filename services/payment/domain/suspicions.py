"""What a webhook that cannot be believed or applied is suspected of; each becomes a case at once."""

from services.payment.domain.notices import Notice
from services.payment.domain.reconciliation import Break, Kind
from services.payment.domain.records import Operation, Payment
from services.payment.domain.states import ActionRequired, Purpose, Succeeded, Verdict


def suspicion(notice: Notice, payment: Payment, operation: Operation | None) -> Break | None:
    """Report what a rejected webhook says; None when it says that no money moved."""
    kind = _kind(notice, payment, operation)
    if kind is None:
        return None
    verdict = notice.verdict
    reference = verdict.reference if isinstance(verdict, Succeeded) else None
    return Break(
        kind,
        reference or f"{payment.id}:{notice.purpose}",
        payment.id,
        payment.order_id,
        reference or payment.provider_reference,
        _ours(payment, operation),
        f"{notice.purpose} of {notice.order_id}: {_theirs(verdict)}",
    )


def _kind(notice: Notice, payment: Payment, operation: Operation | None) -> Kind | None:
    verdict = notice.verdict
    moved = isinstance(verdict, Succeeded)
    if operation is None:
        return _uncalled(notice.purpose) if moved else None
    if notice.order_id != payment.order_id:
        return Kind.STATE
    if isinstance(verdict, ActionRequired) and operation.is_open:
        return None
    if not isinstance(verdict, Succeeded):
        return Kind.CURRENCY if operation.is_open else Kind.STATE
    if verdict.money == operation.money:
        return Kind.STATE
    same_currency = verdict.money.currency == operation.money.currency
    return Kind.AMOUNT if same_currency else Kind.CURRENCY


def _uncalled(purpose: Purpose) -> Kind:
    """Name a movement we never asked for."""
    if purpose is Purpose.REFUND:
        return Kind.REFUND_ONLY
    return Kind.STATE if purpose is Purpose.VOID else Kind.MISSING_HERE


def _ours(payment: Payment, operation: Operation | None) -> str:
    if operation is None:
        return f"payment {payment.state}, no such call"
    return f"{operation.purpose} {operation.state} of {operation.money.amount_minor} {operation.money.currency}"


def _theirs(verdict: Verdict) -> str:
    if isinstance(verdict, Succeeded):
        return f"{verdict.money.amount_minor} {verdict.money.currency}"
    return getattr(verdict, "reason", "waits for the customer")

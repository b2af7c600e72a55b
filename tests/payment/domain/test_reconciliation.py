"""What counts as a difference between two books, and how it is called."""

from datetime import UTC, date, datetime, timedelta

import pytest

from libs.money import Money
from services.payment.domain.reconciliation import (
    Charge,
    Day,
    Kind,
    OurRefund,
    Returned,
    Theirs,
    capture_unbooked,
    compare_charge,
    compare_return,
    duplicate,
    missing_charge,
    missing_return,
    refund_unbooked,
)
from services.payment.domain.records import Payment
from services.payment.domain.states import PaymentState, RefundState

S = PaymentState
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = Day(date(2026, 1, 31), quiet_since=NOON)


def payment(
    state: PaymentState = S.CAPTURED,
    *,
    reference: str | None = "ch_1",
    money: Money | None = Money(1000, "USD"),  # noqa: B008 - frozen
    taken: int = 1000,
    updated_at: datetime = NOON - timedelta(hours=1),
) -> Payment:
    return Payment(
        id="pay_1",
        order_id="ord_1",
        user_id="usr_1",
        money=money,
        payment_method="tok_ok",
        state=state,
        void_requested=False,
        provider_reference=reference,
        decline_reason=None,
        return_url=None,
        redirect_url=None,
        captured_minor=taken,
        refunded_minor=0,
        version=1,
        created_at=NOON,
        updated_at=updated_at,
    )


def charge(
    state: Theirs = Theirs.TAKEN,
    *,
    reference: str = "ch_1",
    amount: int = 1000,
    taken: int = 1000,
    currency: str = "USD",
) -> Charge:
    return Charge(reference, "pay_1", "ord_1", state, amount, taken, currency)


def returned(
    state: RefundState | None = RefundState.SUCCEEDED, *, amount: int = 400, currency: str = "USD"
) -> Returned:
    return Returned("re_1", "ch_1", "pay_1", "ord_1", "rfd_1", state, amount, currency)


def refund(
    state: RefundState = RefundState.SUCCEEDED,
    updated_at: datetime = NOON - timedelta(hours=1),
) -> OurRefund:
    return OurRefund("rfd_1", "pay_1", "ord_1", "ch_1", state, 400, "USD", updated_at)


@pytest.mark.parametrize(
    ("theirs", "ours", "kind"),
    [
        (charge(), payment(), None),
        (charge(), payment(S.PARTIALLY_REFUNDED), None),
        (charge(Theirs.RESERVED), payment(S.AUTHORIZED, taken=0), None),
        (charge(Theirs.RELEASED), payment(S.VOIDED, taken=0), None),
        (charge(Theirs.RELEASED), payment(S.DECLINED, taken=0), None),
        (charge(Theirs.DECLINED), payment(S.DECLINED, taken=0, reference=None), None),
        (charge(Theirs.OPEN), payment(S.REQUIRES_ACTION, taken=0), None),
        (charge(), None, Kind.MISSING_HERE),
        (charge(Theirs.RESERVED), None, Kind.MISSING_HERE),
        (charge(Theirs.RELEASED), None, None),
        (charge(Theirs.DECLINED), None, None),
        (charge(reference="ch_2"), payment(), Kind.DUPLICATE_CHARGE),
        (charge(Theirs.RELEASED, reference="ch_2"), payment(), None),
        (charge(currency="EUR"), payment(), Kind.CURRENCY),
        (charge(amount=999), payment(), Kind.AMOUNT),
        (charge(taken=999), payment(), Kind.AMOUNT),
        (charge(), payment(S.VOIDED, taken=0), Kind.STATE),
        (charge(), payment(S.VOIDED, taken=0, money=None, reference=None), Kind.STATE),
        (charge(Theirs.RELEASED), payment(), Kind.STATE),
        (charge(Theirs.RESERVED), payment(S.OUTCOME_UNKNOWN, taken=0), Kind.STATE),
    ],
)
def test_a_charge_is_compared_with_the_payment_it_names(
    theirs: Charge, ours: Payment | None, kind: Kind | None
) -> None:
    found = compare_charge(theirs, ours, DAY)
    assert (found.kind if found else None) is kind


def test_a_payment_that_changed_just_now_may_differ_in_state_but_not_in_amount() -> None:
    moving = payment(S.CAPTURING, taken=0, updated_at=NOON + timedelta(seconds=1))
    assert compare_charge(charge(), moving, DAY) is None
    found = compare_charge(charge(amount=1), moving, DAY)
    assert found is not None
    assert found.kind is Kind.AMOUNT


@pytest.mark.parametrize(
    ("theirs", "ours", "kind"),
    [
        (returned(), refund(), None),
        (returned(), None, Kind.REFUND_ONLY),
        (returned(RefundState.FAILED), None, None),
        (returned(None), None, None),
        (returned(currency="EUR"), refund(), Kind.CURRENCY),
        (returned(amount=1), refund(), Kind.AMOUNT),
        (returned(RefundState.FAILED), refund(), Kind.STATE),
        (returned(), refund(RefundState.FAILED), Kind.STATE),
        (returned(None), refund(RefundState.REQUESTED), None),
        (returned(), refund(RefundState.REQUESTED, NOON + timedelta(seconds=1)), None),
    ],
)
def test_a_refund_is_compared_with_the_refund_it_names(
    theirs: Returned, ours: OurRefund | None, kind: Kind | None
) -> None:
    found = compare_return(theirs, ours, DAY)
    assert (found.kind if found else None) is kind


def test_what_is_told_of_a_break_shows_both_sides() -> None:
    found = compare_charge(charge(Theirs.RELEASED), payment(), DAY)
    assert found is not None
    assert (found.ours, found.theirs) == ("captured 1000 USD, took 1000", "released 1000 USD")
    nameless = compare_return(returned(), None, DAY)
    assert nameless is not None
    assert (nameless.ours, nameless.theirs) == ("no such refund", "succeeded 400 USD")
    pending = compare_return(returned(None, amount=1), refund(), DAY)
    assert pending is not None
    assert pending.theirs == "pending 1 USD"


def test_a_second_movement_under_one_id_is_reported_as_what_it_is() -> None:
    assert duplicate(charge()).kind is Kind.DUPLICATE_CHARGE
    assert duplicate(returned()).kind is Kind.REFUND_ONLY


def test_what_they_do_not_know_is_missing_there_under_our_id() -> None:
    assert (missing_charge(payment()).kind, missing_charge(payment()).subject) == (
        Kind.MISSING_THERE,
        "pay_1",
    )
    assert missing_return(refund()).subject == "rfd_1"


@pytest.mark.parametrize(("booked", "ours"), [(None, "not booked"), (999, "booked 999 USD")])
def test_money_that_moved_is_in_the_ledger_to_the_last_digit(booked: int | None, ours: str) -> None:
    found = capture_unbooked(payment(), booked)
    assert found is not None
    assert (found.kind, found.subject, found.ours) == (Kind.LEDGER_MISSING, "pay_1:capture", ours)
    assert capture_unbooked(payment(), 1000) is None
    assert capture_unbooked(payment(S.AUTHORIZED), None) is None
    assert capture_unbooked(payment(money=None), None) is None
    assert refund_unbooked(refund(), 400) is None
    missing = refund_unbooked(refund(), booked)
    assert missing is not None
    assert missing.subject == "pay_1:refund:rfd_1"

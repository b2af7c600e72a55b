"""What a webhook that is not believed is suspected of."""

import pytest

from libs.money import Money
from services.payment.domain.notices import Notice
from services.payment.domain.reconciliation import Kind
from services.payment.domain.records import Operation
from services.payment.domain.states import (
    ActionRequired,
    OperationState,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
)
from services.payment.domain.suspicions import suspicion
from tests.payment.domain.test_reconciliation import payment

DONE = Succeeded("ch_1", Money(1000, "USD"))


def call(state: OperationState = OperationState.SUCCEEDED) -> Operation:
    return Operation("pay_1:capture", "pay_1", Purpose.CAPTURE, None, Money(1000, "USD"), state, 1)


@pytest.mark.parametrize(
    ("purpose", "verdict", "order_id", "operation", "kind"),
    [
        (Purpose.CAPTURE, DONE, "ord_1", None, Kind.MISSING_HERE),
        (Purpose.REFUND, DONE, "ord_1", None, Kind.REFUND_ONLY),
        (Purpose.VOID, DONE, "ord_1", None, Kind.STATE),
        (Purpose.AUTHORIZE, Refused("card_declined"), "ord_1", None, None),
        (Purpose.CAPTURE, DONE, "ord_2", call(), Kind.STATE),
        (Purpose.CAPTURE, Succeeded("ch_1", Money(1, "USD")), "ord_1", call(), Kind.AMOUNT),
        (Purpose.CAPTURE, Succeeded("ch_1", Money(1000, "EUR")), "ord_1", call(), Kind.CURRENCY),
        (
            Purpose.CAPTURE,
            Unknown("currency_unknown"),
            "ord_1",
            call(OperationState.INTENDED),
            Kind.CURRENCY,
        ),
        (Purpose.CAPTURE, Refused("taken_back"), "ord_1", call(), Kind.STATE),
        (Purpose.CAPTURE, DONE, "ord_1", call(OperationState.REFUSED), Kind.STATE),
        (Purpose.CAPTURE, ActionRequired("https://b", "ch_1"), "ord_1", call(), Kind.STATE),
        (
            Purpose.AUTHORIZE,
            ActionRequired("javascript:0", "ch_1"),
            "ord_1",
            call(OperationState.WAITING),
            None,
        ),
    ],
)
def test_a_rejected_webhook_is_suspected_of_what_it_says(
    purpose: Purpose,
    verdict: Verdict,
    order_id: str,
    operation: Operation | None,
    kind: Kind | None,
) -> None:
    found = suspicion(Notice("pay_1", order_id, purpose, None, verdict), payment(), operation)
    assert (found.kind if found else None) is kind

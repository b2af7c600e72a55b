"""What payment answers over HTTP. The payment method stays inside."""

from datetime import datetime
from typing import Self

from libs.contracts.message import Amount
from libs.web.pagination import Page
from libs.web.strict import ResponseModel
from services.payment.domain.records import Balance, LedgerLine, Payment, Refund


class RefundView(ResponseModel):
    """One refund of a payment."""

    refund_id: str
    state: str
    amount: Amount
    reason: str
    failure_reason: str | None

    @classmethod
    def of(cls, refund: Refund) -> Self:
        return cls(
            refund_id=refund.id,
            state=refund.state,
            amount=Amount.of(refund.money),
            reason=refund.reason,
            failure_reason=refund.failure_reason,
        )


class PaymentView(ResponseModel):
    """The payment of an order. `amount` is null when it was refused or voided before the provider was asked.

    While the state is `requires_action`, the customer has to be sent to `redirect_url` to confirm with their bank.
    """

    payment_id: str
    order_id: str
    state: str
    amount: Amount | None
    captured_minor: int
    refunded_minor: int
    decline_reason: str | None
    redirect_url: str | None
    refunds: list[RefundView]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, payment: Payment, refunds: list[Refund]) -> Self:
        return cls(
            payment_id=payment.id,
            order_id=payment.order_id,
            state=payment.state,
            amount=Amount.of(payment.money) if payment.money else None,
            captured_minor=payment.captured_minor,
            refunded_minor=payment.refunded_minor,
            decline_reason=payment.decline_reason,
            redirect_url=payment.redirect_url if payment.requires_action else None,
            refunds=[RefundView.of(refund) for refund in refunds],
            version=payment.version,
            created_at=payment.created_at,
            updated_at=payment.updated_at,
        )


PaymentPage = Page[PaymentView]


class BalanceView(ResponseModel):
    """Turnover of one ledger account in one currency; `balance_minor` is debit less credit."""

    account: str
    currency: str
    debit_minor: int
    credit_minor: int
    balance_minor: int

    @classmethod
    def of(cls, balance: Balance) -> Self:
        return cls(
            account=balance.account,
            currency=balance.currency,
            debit_minor=balance.debit_minor,
            credit_minor=balance.credit_minor,
            balance_minor=balance.debit_minor - balance.credit_minor,
        )


class BalancesView(ResponseModel):
    """Every account; per currency the balances sum to zero."""

    items: list[BalanceView]


class LedgerEntryView(ResponseModel):
    """One entry of the ledger."""

    entry_id: int
    transaction_id: str
    payment_id: str
    order_id: str
    purpose: str
    account: str
    side: str
    amount: Amount
    created_at: datetime

    @classmethod
    def of(cls, line: LedgerLine) -> Self:
        return cls(
            entry_id=line.id,
            transaction_id=line.transaction_id,
            payment_id=line.payment_id,
            order_id=line.order_id,
            purpose=line.purpose,
            account=line.account,
            side=line.side,
            amount=Amount(amount_minor=line.amount_minor, currency=line.currency),
            created_at=line.created_at,
        )


LedgerPage = Page[LedgerEntryView]


class WebhookAccepted(ResponseModel):
    """The event is stored; the provider need not send it again."""

    received: bool

"""Payment's tables: `payments`, `ledger`, `reconciliation`; all of them are registered on `Base` by importing this package."""

from services.payment.models.base import Base
from services.payment.models.ledger import LedgerEntryRow, LedgerTransactionRow
from services.payment.models.payments import OperationRow, PaymentRow, ProviderEventRow, RefundRow
from services.payment.models.reconciliation import CaseChangeRow, CaseRow, RunRow

__all__ = [
    "Base",
    "CaseChangeRow",
    "CaseRow",
    "LedgerEntryRow",
    "LedgerTransactionRow",
    "OperationRow",
    "PaymentRow",
    "ProviderEventRow",
    "RefundRow",
    "RunRow",
]

"""Payment's tables: `payments`, `ledger`; all of them are registered on `Base` by importing this package."""

from services.payment.models.base import Base
from services.payment.models.ledger import LedgerEntryRow, LedgerTransactionRow
from services.payment.models.payments import OperationRow, PaymentRow, ProviderEventRow, RefundRow

__all__ = [
    "Base",
    "LedgerEntryRow",
    "LedgerTransactionRow",
    "OperationRow",
    "PaymentRow",
    "ProviderEventRow",
    "RefundRow",
]

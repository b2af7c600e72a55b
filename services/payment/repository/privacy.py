"""What payment knows of one person, and what a copy of it leaves out."""

from typing import Final

from libs.erasure.export import Export
from services.payment.models import Base

EXPORT: Final = Export(
    Base,
    withheld={
        "ledger_transactions": "the shop's books: they name no person, and the payment says the same",
        "ledger_entries": "the shop's books",
        "provider_operations": "how often the provider was asked; the payment says what came of it",
    },
)

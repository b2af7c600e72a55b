"""Paths of payment: a customer's payments, the ledger, reconciliation, and the providers' webhooks."""

from services.payment.routes import ledger, payments, privacy, reconciliation, webhooks

ROUTERS = (payments.router, privacy.router, ledger.router, reconciliation.router, webhooks.router)

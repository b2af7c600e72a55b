"""Paths of payment: a customer's payments, the ledger, and the provider's webhooks."""

from services.payment.routes import ledger, payments, webhooks

ROUTERS = (payments.router, ledger.router, webhooks.router)

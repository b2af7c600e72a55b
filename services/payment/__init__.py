"""Owns payments, refunds and the ledger; publishes `payment.*`; receives the payment commands."""

"""Payment owns intents, captures, voids, refunds, the ledger and the provider's events.

It receives the commands `payment.authorize`, `payment.capture`, `payment.void` and `payment.refund` and publishes
`payment.*`. Card data never reaches it: a payment method is the provider's token.
"""

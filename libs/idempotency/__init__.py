"""Makes repeating an unsafe request safe: claims on `Idempotency-Key` and the answers stored under them.

Follows draft-ietf-httpapi-idempotency-key-header-07 (expired April 2026) and Stripe's published behaviour. Keys live for
72 hours. `Idempotent` claims, works and stores in the request's one transaction; `ResumableRequired` uses two, for
handlers that call other services in between.
"""

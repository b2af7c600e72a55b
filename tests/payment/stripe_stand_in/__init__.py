"""Stripe as far as payment uses it: our own HTTP server, written from Stripe's documentation, its book in memory."""

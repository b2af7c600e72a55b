"""Owns the catalogue, stock and reservations; publishes `product.*` and `stock.*`; receives the stock commands."""

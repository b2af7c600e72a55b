"""Owns orders, the checkout saga, quotes and shipments; publishes `order.*`; consumes `payment.*` and `stock.*`."""

"""Owns the carts of users and guests; publishes `cart.*`; consumes `product.*`, `stock.*` and `order.*`."""

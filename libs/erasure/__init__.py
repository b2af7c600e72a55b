"""Forgetting a person (GDPR article 17) in one service: the tombstone, its part of the work, and its answer."""

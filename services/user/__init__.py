"""Owns profiles and addresses; publishes `user.*`; consumes `identity.*`."""

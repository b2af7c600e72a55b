"""Owns credentials, refresh families, sessions and signing keys; publishes `identity.*`."""

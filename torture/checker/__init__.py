"""Judges a torture run from the clients' history, the provider's book and the databases alone."""

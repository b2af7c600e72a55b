"""Shared parts of the six services. A thing enters here when a second service needs it."""

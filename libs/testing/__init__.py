"""Fixtures and helpers for tests: real servers, real tokens, no sleeping."""

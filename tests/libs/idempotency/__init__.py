"""Tests of libs.idempotency."""

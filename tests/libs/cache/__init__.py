"""Tests of libs.cache, against a real Valkey."""

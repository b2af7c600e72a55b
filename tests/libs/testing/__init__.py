"""Tests of libs.testing."""

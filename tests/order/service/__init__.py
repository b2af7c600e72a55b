"""Tests of the order service's use cases."""

"""Tests of the order service's paths."""

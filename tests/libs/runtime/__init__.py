"""Tests of how a service starts, works and stops."""

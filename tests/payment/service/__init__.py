"""Tests of the use cases of payment."""

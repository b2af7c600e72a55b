"""Tests of the rules of a payment."""

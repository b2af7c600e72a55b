"""Tests of the payment simulator."""

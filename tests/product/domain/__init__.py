"""Tests of product's domain."""

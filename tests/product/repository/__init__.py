"""Tests of product's repository."""

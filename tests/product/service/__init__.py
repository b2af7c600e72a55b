"""Tests of product's service."""

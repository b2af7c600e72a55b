"""Tests of product's routes."""

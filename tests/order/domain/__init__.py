"""Tests of the order service's pure rules."""

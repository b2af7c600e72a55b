"""Tests of product; files mirror the code."""

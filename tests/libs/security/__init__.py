"""Tests of libs.security."""

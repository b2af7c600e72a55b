"""Tests of libs.database."""

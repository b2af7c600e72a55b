"""Tests of libs.privacy."""

"""Registers the shared fixtures."""

pytest_plugins = ["libs.testing.plugin"]

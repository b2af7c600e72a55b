"""Logs, traces and metrics: one way to emit each, correlated by trace and request id."""

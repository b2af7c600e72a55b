"""Measures a stack of its own on this machine and writes `docs/benchmarks.md`; not part of the tests."""

from bench.command import main

__all__ = ["main"]

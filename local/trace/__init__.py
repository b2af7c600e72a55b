"""`make trace o=ord_...`: one order's story across all services."""

from local.trace.run import main

__all__ = ["main"]

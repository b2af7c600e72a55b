"""`make demo`: a purchase through all six services, told step by step, and what happens when something goes wrong."""

from local.demo.run import main

__all__ = ["main"]

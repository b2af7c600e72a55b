"""The rules of registered applications."""

from typing import Final

ACTIVE: Final = "active"
SWITCHED_OFF: Final = "disabled"
"""By staff: it gets no more tokens."""

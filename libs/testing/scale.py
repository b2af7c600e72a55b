"""How much a test tries: a little in `make test`, everything in `make test scale=full`."""

from typing import Final

from pydantic_settings import BaseSettings


class _Scale(BaseSettings):
    scale: str = "quick"


FULL: Final = _Scale().scale == "full"


def trials(quick: int, full: int) -> int:
    """Return how often to try: `quick` in every run, `full` with SCALE=full in the environment."""
    return full if FULL else quick

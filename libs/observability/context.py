"""Who asked for what runs now: identifiers that follow a request or a message through logs, outbox and calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

request_id_var: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
"""The HTTP request's id, echoed as `X-Request-Id`."""

correlation_id_var: Final[ContextVar[str | None]] = ContextVar("correlation_id", default=None)
"""Names the whole story: the request id of the first request, carried by every message it caused."""

causation_id_var: Final[ContextVar[str | None]] = ContextVar("causation_id", default=None)
"""The message being handled; messages written meanwhile name it as their cause."""


@contextmanager
def bind(
    *,
    request_id: str | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
) -> Iterator[None]:
    """Set the given identifiers until the block ends; those not given keep their value."""
    given = (
        (request_id_var, request_id),
        (correlation_id_var, correlation_id),
        (causation_id_var, causation_id),
    )
    tokens = [(variable, variable.set(value)) for variable, value in given if value is not None]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)

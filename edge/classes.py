"""What rows of the route table name: how often, how again, how long kept, and at what cost."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Row(BaseModel):
    """A part of the table: complete, and without what nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RateClass(Row):
    """How many requests per second one client may send at the edge; services count per user on top.

    `per_client` false makes the limit one for all clients together. Where it is true, the limit of all of them
    together (`total`, `total_burst`) is ten times as wide. `cost` is what services count a request as.
    """

    requests: Annotated[int, Field(ge=1)]
    burst: Annotated[int, Field(ge=1)]
    per_client: bool
    cost: Annotated[int, Field(ge=1, le=50)] = 1

    @property
    def total(self) -> int:
        """Requests per second of all clients together."""
        return self.requests * (10 if self.per_client else 1)

    @property
    def total_burst(self) -> int:
        """Requests at once of all clients together."""
        return self.burst * (10 if self.per_client else 1)


class Cost(Row):
    """An operation that costs its caller more, or less, than its rate class says."""

    service: str
    operation: str
    cost: Annotated[int, Field(ge=1, le=50)]


class RetryPolicy(Row):
    """Which methods may be sent again, and after which failures (Envoy's `retry_on` words)."""

    methods: Annotated[list[str], Field(min_length=1)]
    on: Annotated[list[str], Field(min_length=1)]
    attempts: Annotated[int, Field(ge=1, le=5)]


class CacheClass(Row):
    """How long shared caches may keep an answer, in seconds.

    `default_seconds` holds for answers that do not say themselves (`Cache-Control`), `longest_seconds` limits those
    that do. Answers that differ by one of `key_headers` are kept apart.
    """

    default_seconds: Annotated[int, Field(ge=0)]
    longest_seconds: Annotated[int, Field(ge=0)]
    key_headers: list[str] = []

    @property
    def caches(self) -> bool:
        """False for what no shared cache may keep."""
        return self.longest_seconds > 0

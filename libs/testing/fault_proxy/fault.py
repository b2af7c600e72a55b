"""What can be wrong with a connection."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Direction = Literal["up", "down"]
"""`up` is from the client to the upstream, `down` the way back."""

_Seconds = Annotated[float, Field(ge=0, le=600)]
_Count = Annotated[int, Field(ge=1)]


class Fault(BaseModel):
    """One edge's trouble; its members add up, and without any the edge only forwards.

    Attributes:
        refuse: nobody listens: new connections are refused, and open ones are reset.
        reset: open connections are reset, and new ones as soon as they are accepted.
        blackhole: nothing passes, and nobody is told; when healed, what was sent goes on its way as TCP would repeat it.
        latency_seconds: added to everything that passes, each way that `direction` names.
        jitter_seconds: up to this much more, at random; the order of bytes stays.
        bytes_per_second: a slow drip, for each connection.
        limit_bytes: after so many bytes the connection is closed in the middle of what it said.
        timeout_seconds: nothing passes, and after so long the connection is closed.
        direction: which way is hit by everything except `refuse` and `reset`.
        share: the part of the connections that is hit; `refuse` hits all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    refuse: bool = False
    reset: bool = False
    blackhole: bool = False
    latency_seconds: _Seconds = 0.0
    jitter_seconds: _Seconds = 0.0
    bytes_per_second: _Count | None = None
    limit_bytes: _Count | None = None
    timeout_seconds: _Seconds | None = None
    direction: Literal["both", "up", "down"] = "both"
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    def on(self, direction: Direction) -> "Fault":
        """Return what a byte going this way meets."""
        return self if self.direction in {"both", direction} else HEALTHY

    @property
    def holds(self) -> bool:
        """Whether nothing passes for the time being."""
        return self.blackhole or self.timeout_seconds is not None


HEALTHY: Final = Fault()


class Counts(BaseModel):
    """What an edge has seen since it was opened.

    Attributes:
        connections: accepted ones.
        active: those open now.
        unreachable: those whose upstream did not answer.
        broken: those the proxy itself reset or cut.
        bytes_up: bytes that reached the upstream.
        bytes_down: bytes that reached the client.
    """

    connections: int = 0
    active: int = 0
    unreachable: int = 0
    broken: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

"""What a gateway does with a request, in words that all of them share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """The one rule a request falls to; None where a gateway's format has no word for it."""

    rule: str
    service: str | None = None
    token_required: bool | None = None
    timeout_seconds: float | None = None
    stream: bool | None = None
    retries: int | None = None
    per_second: int | None = None
    cache: str | None = None

"""When a signing key may do what: known to everybody before it signs, and until its last token has ended."""

from datetime import datetime, timedelta
from typing import Final

PUBLISHED_AHEAD: Final = timedelta(minutes=10)
"""How long a key is published before it signs: twice the longest that anybody keeps our key set (CloudFront, 5 minutes)."""

KNOWN_AFTERWARDS: Final = timedelta(minutes=15)
"""How long a key is published after it signed: a token's five minutes, verifiers' clocks, processes that hear of it late."""


def signs_from(published_at: datetime) -> datetime:
    """Return when everybody who verifies tokens knows a key."""
    return published_at + PUBLISHED_AHEAD


def is_due(signs_since: datetime, period: timedelta, now: datetime) -> bool:
    """Tell whether a key has signed for long enough."""
    return now >= signs_since + period


def is_over(signed_until: datetime, now: datetime) -> bool:
    """Tell whether every token of a key has ended."""
    return now >= signed_until + KNOWN_AFTERWARDS

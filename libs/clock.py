"""The only place that asks the operating system what time it is."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the current time as an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock. Leases and expiries that several machines compare use the database's clock instead."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def utc_now() -> datetime:
    """Return the current time in UTC, for records that no rule depends on."""
    return SystemClock().now()

from datetime import UTC, datetime, timedelta

from libs.clock import SystemClock, utc_now


def test_the_time_is_aware_and_in_utc() -> None:
    for now in (SystemClock().now(), utc_now()):
        assert now.tzinfo is UTC
        assert now - datetime(2026, 1, 1, tzinfo=UTC) > timedelta(0)

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from libs.testing.waiting import FrozenClock, comes_true, eventually


async def test_it_returns_the_first_true_answer() -> None:
    answers = iter([0, None, "yes", "never asked"])
    assert await eventually(lambda: next(answers)) == "yes"
    assert next(answers) == "never asked"


async def test_predicates_may_be_asynchronous_and_may_assert() -> None:
    seen = 0

    async def third_time() -> bool:
        nonlocal seen
        seen += 1
        assert seen == 3
        return True

    assert await eventually(third_time) is True


async def test_it_gives_up_in_time_and_shows_why() -> None:
    def refuse() -> bool:
        raise AssertionError("still 2 rows")

    with pytest.raises(AssertionError, match="not true within") as caught:
        async with asyncio.timeout(30):
            await eventually(refuse, timeout=0.05)
    assert "still 2 rows" in str(caught.value.__cause__)


async def test_other_errors_are_not_waited_out() -> None:
    with pytest.raises(ZeroDivisionError):
        await eventually(lambda: 1 / 0)


def test_what_comes_true_is_told_at_once_and_not_asked_again() -> None:
    answers = iter([False, False, True])
    assert comes_true(lambda: next(answers), seconds=60)
    assert next(answers, None) is None


def test_what_does_not_come_true_in_time_is_told() -> None:
    assert not comes_true(lambda: False, seconds=0.02)


def test_nobody_waits_for_a_process_that_has_ended() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not comes_true(lambda: False, seconds=3_600, process=ended)


def test_a_frozen_clock_moves_only_when_told() -> None:
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    before = clock.now()
    clock.advance(minutes=5)
    assert clock.now() - before == timedelta(minutes=5)

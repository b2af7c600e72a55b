import asyncio

import pytest

from services.auth.service.turns import Turns


async def test_one_key_is_held_by_one_at_a_time_and_forgotten_afterwards() -> None:
    turns, inside, most = Turns(), 0, 0

    async def use(key: bytes) -> None:
        nonlocal inside, most
        async with turns.of(key):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(use(b"a") for _ in range(20)))
    assert most == 1
    assert turns._locks == {}


async def test_other_keys_do_not_wait() -> None:
    turns = Turns()
    async with turns.of(b"a"), asyncio.timeout(30), turns.of(b"b"):
        assert turns._locks.keys() == {b"a", b"b"}


async def test_whoever_gives_up_waiting_leaves_nothing_behind() -> None:
    turns = Turns()
    async with turns.of(b"a"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), turns.of(b"a"):
                pass
    assert turns._locks == {}

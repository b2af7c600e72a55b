"""Signing keys change without a refused token, and a leaked one is refused within a minute."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import event, select

from libs.clock import utc_now
from libs.database.session import Database
from libs.security.master_key import KeyFile, MasterKeyError, add_version
from libs.testing.waiting import FrozenClock
from services.auth.domain.signing_keys import KNOWN_AFTERWARDS, PUBLISHED_AHEAD
from services.auth.models import SigningKey
from services.auth.service.key_rotation import KeyRotation, KeyUnknown, NextKeyTooYoung
from services.auth.service.keyring import Keyring
from services.auth.service.sealing import PrivateKeys

REGION = "us-east-1"
MONTH = timedelta(days=30)


@pytest.fixture
def private_keys(service_keys: Path) -> PrivateKeys:
    return PrivateKeys(KeyFile(service_keys / "auth.master.json"))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(utc_now())


@pytest.fixture
def rotation(database: Database, private_keys: PrivateKeys, clock: FrozenClock) -> KeyRotation:
    return KeyRotation(database, private_keys, REGION, clock)


async def kids(rotation: KeyRotation) -> dict[str, str]:
    """Map each status that one key has to its id."""
    return {key.status: key.kid for key in await rotation.keys()}


async def statuses(rotation: KeyRotation) -> Counter[str]:
    return Counter(key.status for key in await rotation.keys())


async def test_the_next_key_signs_and_another_is_published(
    rotation: KeyRotation, clock: FrozenClock
) -> None:
    before = await kids(rotation)
    clock.advance(hours=1)
    assert await rotation.rotate() == before["next"]

    after = await kids(rotation)
    assert (after["previous"], after["current"]) == (before["current"], before["next"])
    assert after["next"] not in before.values()
    assert await statuses(rotation) == {"previous": 1, "current": 1, "next": 1}


async def test_a_key_signs_only_after_everybody_had_time_to_hear_of_it(
    rotation: KeyRotation, clock: FrozenClock
) -> None:
    before = await kids(rotation)
    with pytest.raises(NextKeyTooYoung, match="may sign from"):
        await rotation.rotate()
    assert await kids(rotation) == before

    # The first keys were dated by the database, whose clock went on while ours stands still.
    clock.advance(seconds=PUBLISHED_AHEAD.total_seconds() + 300)
    await rotation.rotate()
    with pytest.raises(NextKeyTooYoung):
        await rotation.rotate()


async def test_of_several_workers_at_once_one_rotates(
    database: Database, private_keys: PrivateKeys, rotation: KeyRotation, clock: FrozenClock
) -> None:
    await rotation.keys()
    clock.advance(days=31)
    workers = [KeyRotation(database, private_keys, REGION, clock) for _ in range(4)]
    await asyncio.gather(*(worker.tend(MONTH) for worker in workers))
    assert await statuses(rotation) == {"previous": 1, "current": 1, "next": 1}


async def test_the_schedule_rotates_when_its_time_has_come_and_not_before(
    rotation: KeyRotation, clock: FrozenClock
) -> None:
    first = await kids(rotation)
    clock.advance(days=29)
    await rotation.tend(MONTH)
    assert await kids(rotation) == first

    clock.advance(days=2)
    await rotation.tend(MONTH)
    assert (await kids(rotation))["current"] == first["next"]
    clock.advance(days=29)
    await rotation.tend(MONTH)
    assert (await kids(rotation))["current"] == first["next"]


async def test_a_key_is_published_until_its_last_token_has_ended_and_its_private_half_is_gone_at_once(
    rotation: KeyRotation, clock: FrozenClock, database: Database
) -> None:
    first = (await kids(rotation))["current"]
    clock.advance(hours=1)
    await rotation.rotate()
    assert await private_half_of(database, first) == b""

    clock.advance(seconds=KNOWN_AFTERWARDS.total_seconds() - 1)
    await rotation.tend(MONTH)
    assert (await kids(rotation))["previous"] == first
    clock.advance(seconds=2)
    await rotation.tend(MONTH)
    assert (await kids(rotation))["retired"] == first


async def private_half_of(database: Database, kid: str) -> bytes | None:
    async with database.transaction() as session:
        return await session.scalar(
            select(SigningKey.private_key_encrypted).where(SigningKey.kid == kid)
        )


@pytest.mark.parametrize("status", ["current", "next"])
async def test_a_revoked_key_is_replaced_at_once(
    rotation: KeyRotation, database: Database, status: str
) -> None:
    before = await kids(rotation)
    await rotation.revoke(before[status])
    await rotation.revoke(before[status])

    after = await kids(rotation)
    assert after["retired"] == before[status]
    assert after["current"] == before["next" if status == "current" else "current"]
    assert after["next"] not in before.values()
    assert await private_half_of(database, before[status]) == b""
    assert sum((await statuses(rotation)).values()) == 3


async def test_a_previous_key_can_be_revoked_and_an_unknown_or_foreign_one_cannot(
    rotation: KeyRotation, clock: FrozenClock, database: Database, private_keys: PrivateKeys
) -> None:
    await rotation.keys()
    clock.advance(hours=1)
    await rotation.rotate()
    before = await kids(rotation)
    await rotation.revoke(before["previous"])
    assert (await kids(rotation))["retired"] == before["previous"]

    abroad = await KeyRotation(database, private_keys, "eu-west-1", clock).keys()
    for kid in ("nonsense", abroad[0].kid):
        with pytest.raises(KeyUnknown):
            await rotation.revoke(kid)


async def test_a_key_that_signs_no_longer_is_revoked_while_the_master_key_is_away(
    rotation: KeyRotation, clock: FrozenClock, database: Database, tmp_path: Path
) -> None:
    await rotation.keys()
    clock.advance(hours=1)
    await rotation.rotate()
    before = await kids(rotation)
    file = tmp_path / "gone.json"
    add_version(file)
    private_keys = PrivateKeys(KeyFile(file))
    file.unlink()
    away = KeyRotation(database, private_keys, REGION, clock)

    await away.revoke(before["previous"])
    with pytest.raises(MasterKeyError):
        await away.revoke(before["current"])

    after = await kids(rotation)
    assert after == {**after, "retired": before["previous"], "current": before["current"]}


async def test_whoever_dies_on_the_way_has_changed_everything_or_nothing(
    rotation: KeyRotation, clock: FrozenClock, database: Database
) -> None:
    before = await kids(rotation)
    clock.advance(hours=1)
    deaths, after = 0, before
    for statement in count(1):
        with dying_at(database, statement) as task_of:
            dying = task_of(rotation.rotate())
            await asyncio.gather(dying, return_exceptions=True)
        after = await kids(rotation)
        if not dying.cancelled():
            break
        deaths += 1
        assert after == before
        assert await statuses(rotation) == {"current": 1, "next": 1}
    assert (after["previous"], after["current"]) == (before["current"], before["next"])
    assert deaths > 6


@contextmanager
def dying_at(
    database: Database, statement: int
) -> Iterator[Callable[[Coroutine[None, None, object]], "asyncio.Task[object]"]]:
    """Give a way to run a task that is cancelled when it sends its n-th statement."""
    tasks: list[asyncio.Task[object]] = []
    sent = count(1)

    def look(*_: object) -> None:
        if next(sent) == statement:
            tasks[0].cancel()

    def run(work: Coroutine[None, None, object]) -> "asyncio.Task[object]":
        tasks.append(asyncio.create_task(work))
        return tasks[0]

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", look)
    try:
        yield run
    finally:
        event.remove(engine, "before_cursor_execute", look)


async def test_private_halves_follow_the_master_key(
    database: Database, tmp_path: Path, clock: FrozenClock
) -> None:
    file = tmp_path / "master.json"
    add_version(file)
    rotation = KeyRotation(database, PrivateKeys(KeyFile(file)), REGION, clock)
    current = (await kids(rotation))["current"]
    old = await private_half_of(database, current)
    add_version(file)
    assert await rotation.rewrap() == 2
    assert await private_half_of(database, current) != old
    assert (await Keyring(database, PrivateKeys(KeyFile(file)), REGION).current())[0] == current

"""Data keys: made once, read again, rotated while others write, and outliving who wraps them."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlalchemy import text

from libs.audit.tables import audit_entries, audit_unsealed
from libs.database.base import shared_metadata
from libs.privacy import rows
from libs.privacy.__main__ import Operator
from libs.privacy.keys import DataKeys, DataKeysUnavailable, version_of
from libs.privacy.rows import sealed_columns
from libs.security.master_key import (
    KeyFile,
    MasterKey,
    MasterKeys,
    MasterKeyUnavailable,
    WrappedElsewhere,
    add_version,
)
from libs.testing.scale import trials
from tests.libs.privacy.conftest import Base, Registry, expand
from tests.libs.privacy.test_columns import old_adds

PEOPLE = trials(rows.BATCH + 20, 5_000)


class Away:
    """A key service that can be cut off."""

    def __init__(self, master_key: MasterKey) -> None:
        self._master_key = master_key
        self.away = False

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> bytes:
        self._require()
        return await self._master_key.wrap(data_key, context)

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        self._require()
        return await self._master_key.unwrap(wrapped, context)

    def _require(self) -> None:
        if self.away:
            raise MasterKeyUnavailable("cut off")


@pytest.fixture
async def operator(registry: Registry) -> Operator:
    return await operator_of(registry)


async def operator_of(registry: Registry) -> Operator:
    async with registry.database.transaction() as session:
        await (await session.connection()).run_sync(
            lambda connection: shared_metadata.create_all(
                connection, tables=[audit_entries, audit_unsealed]
            )
        )
    columns = list(sealed_columns(Base.metadata))
    said: list[str] = []
    return Operator(
        "order", registry.database, registry.keys, columns, said.append, published_seconds=0
    )


async def test_processes_that_start_together_share_the_first_keys(registry: Registry) -> None:
    many = [DataKeys(registry.database, KeyFile(registry.key_file), "order") for _ in range(5)]
    await asyncio.gather(*(keys.ready() for keys in many))
    assert await registry.sql.fetchval("SELECT count(*) FROM data_keys") == 2
    sealed = many[0].seal("people.name", "p1", b"Ada")
    assert {keys.open("people.name", "p1", sealed) for keys in many} == {b"Ada"}


async def test_another_services_master_key_opens_nothing(registry: Registry) -> None:
    await registry.keys.ready()
    theirs = DataKeys(registry.database, KeyFile(registry.key_file), "payment")
    with pytest.raises(WrappedElsewhere):
        await theirs.ready()


async def test_what_was_read_once_works_while_the_key_service_is_away(registry: Registry) -> None:
    master_key = Away(KeyFile(registry.key_file))
    keys = DataKeys(registry.database, master_key, "order")
    await keys.ready()
    master_key.away = True
    await keys.refresh()
    sealed = keys.seal("people.name", "p1", b"Ada")
    assert keys.open("people.name", "p1", sealed) == b"Ada"


async def test_a_process_that_never_read_its_keys_says_try_later_and_then_works(
    registry: Registry,
) -> None:
    master_key = Away(KeyFile(registry.key_file))
    master_key.away = True
    keys = DataKeys(registry.database, master_key, "order")
    with pytest.raises(DataKeysUnavailable) as refused:
        await keys.ready()
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})
    master_key.away = False
    await keys.ready()
    assert keys.newest == 1


async def test_a_new_key_seals_nothing_before_everybody_has_had_time_to_read_it(
    registry: Registry,
) -> None:
    await registry.keys.ready()
    made = await registry.keys.add()
    await registry.keys.refresh()
    assert made != registry.keys.newest


async def test_an_unknown_key_is_read_before_the_next_transaction(
    registry: Registry, another_process: Registry
) -> None:
    await registry.keys.add()
    await _publish(registry)
    await registry.keys.refresh()
    await registry.add("p1")
    with pytest.raises(DataKeysUnavailable):
        await another_process.find("p1")
    assert (await another_process.find("p1")).name == "Ada"


async def test_rotation_seals_every_row_anew_while_others_write(
    registry: Registry, another_process: Registry, operator: Operator
) -> None:
    for number in range(PEOPLE):
        await registry.add(f"p{number}", f"p{number}@example.com")
    before = registry.keys.newest
    await registry.keys.add()
    await _publish(registry)

    async def write() -> None:
        for number in range(PEOPLE, PEOPLE + 30):
            await another_process.add(f"p{number}", f"p{number}@example.com")

    await asyncio.gather(write(), operator.reseal())
    await another_process.keys.refresh()
    await operator.reseal()  # what the other process wrote with the old key meanwhile
    found = await registry.sql.fetch("SELECT email_sealed, name_sealed, address_sealed FROM people")
    assert len(found) == PEOPLE + 30
    assert {version_of(value) for row in found for value in row} == {before + 2}
    assert (await another_process.find("p7")).email == "p7@example.com"


async def test_an_interrupted_rotation_is_finished_by_the_next(
    registry: Registry, operator: Operator
) -> None:
    for number in range(PEOPLE):
        await registry.add(f"p{number}", f"p{number}@example.com")
    await registry.keys.add()
    await _publish(registry)
    await registry.keys.refresh()
    name = next(column for column in operator.columns if column.name == "people.name")
    async for _ in rows.reseal(registry.database, registry.keys, name):
        break
    await operator.reseal()
    async with registry.database.transaction() as session:
        for column in operator.columns[1:]:
            counted, _ = await rows.counts(session, column)
            assert counted == {registry.keys.newest: PEOPLE}
    assert (await registry.find("p1")).address == {"city": "Zürich"}


async def test_data_keys_move_to_a_new_master_key_and_the_old_one_may_go(
    registry: Registry, operator: Operator
) -> None:
    await registry.add("p1")
    new_file = registry.key_file.with_name("new.json")
    add_version(new_file)
    both = MasterKeys([KeyFile(new_file), KeyFile(registry.key_file)])
    moving = DataKeys(registry.database, both, "order")
    await replace(operator, keys=moving).rewrap()
    alone = DataKeys(registry.database, KeyFile(new_file), "order")
    await alone.ready()
    sealed = await registry.sql.fetchval("SELECT name_sealed FROM people")
    assert alone.open("people.name", "p1", sealed) == b"Ada"
    with pytest.raises(WrappedElsewhere):
        await DataKeys(registry.database, KeyFile(registry.key_file), "order").ready()
    actions = await registry.sql.fetch("SELECT action FROM audit_entries")
    assert [row["action"] for row in actions] == ["data_keys.rewrapped"]


async def test_the_contract_leaves_no_plain_text_and_loses_none(unexpanded: Registry) -> None:
    for number in range(PEOPLE):
        await old_adds(unexpanded.sql, f"p{number}", f"p{number}@example.com")
    await expand(unexpanded.sql)
    await unexpanded.add("new", "new@example.com", "Newcomer")
    operator = await operator_of(unexpanded)
    await operator.contract()
    await operator.contract()  # as after a kill
    dump = await unexpanded.dump()
    assert not any(word in dump for word in ("example.com", "Old", "Basel", "Newcomer"))
    found = await unexpanded.find("p3")
    assert (found.email, found.name, found.address) == ("p3@example.com", "Old", {"city": "Basel"})
    await unexpanded.keys.refresh()
    await unexpanded.add("later", "later@example.com", "Latecomer")
    assert "Latecomer" not in await unexpanded.dump()


async def test_the_status_tells_what_is_sealed_with_what_and_what_is_plain(
    unexpanded: Registry,
) -> None:
    await old_adds(unexpanded.sql, "p1", "p1@example.com")
    await expand(unexpanded.sql)
    await unexpanded.add("p2", "p2@example.com")
    operator = await operator_of(unexpanded)
    said: list[str] = []
    await replace(operator, say=said.append).status()
    assert "people.name: 1 by key 1; 2 plain" in said
    assert any("older version may run" in line for line in said)


async def _publish(registry: Registry) -> None:
    """What waiting a minute does."""
    async with registry.database.transaction() as session:
        await session.execute(text("UPDATE data_keys SET usable_from = now()"))

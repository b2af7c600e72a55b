import asyncpg
import pytest
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError, StatementError

from libs.privacy.columns import equals, protected
from libs.privacy.keys import SealBroken, version_of
from tests.libs.privacy.conftest import Person, Registry, expand


async def test_what_is_written_is_read_and_nobody_sees_it_in_the_database(
    registry: Registry,
) -> None:
    await registry.add("p1", "ada@example.com", "Ada Lovelace")
    found = await registry.find("p1")
    assert (found.email, found.name, found.address) == (
        "ada@example.com",
        "Ada Lovelace",
        {"city": "Zürich"},
    )
    dump = await registry.dump()
    assert not any(word in dump for word in ("ada", "Ada", "Lovelace", "rich"))


async def test_the_same_text_is_sealed_differently_each_time(registry: Registry) -> None:
    await registry.add("p1", "one@example.com", "Ada")
    await registry.add("p2", "two@example.com", "Ada")
    rows = await registry.sql.fetch("SELECT name_sealed FROM people")
    assert rows[0]["name_sealed"] != rows[1]["name_sealed"]


@pytest.mark.parametrize(
    "move",
    [
        "UPDATE people SET name_sealed = (SELECT name_sealed FROM people WHERE id = 'p2') WHERE id = 'p1'",
        "UPDATE people SET name_sealed = email_sealed WHERE id = 'p1'",
        "UPDATE people SET name_sealed = set_byte(name_sealed, 20, get_byte(name_sealed, 20) # 1)",
        "UPDATE people SET name_sealed = 'Mallory'",
    ],
    ids=["another row's", "another column's", "changed", "never sealed"],
)
async def test_a_sealed_value_opens_in_its_own_place_only(registry: Registry, move: str) -> None:
    await registry.add("p1", "one@example.com")
    await registry.add("p2", "two@example.com")
    await registry.sql.execute(move)
    with pytest.raises(SealBroken):
        await registry.find("p1")


async def test_core_statements_read_and_write_the_same(registry: Registry) -> None:
    values = {"email": "ada@example.com", "name": "Ada", "address": None}
    async with registry.database.transaction() as session:
        bound = protected(session, Person, "p1", values)
        await session.execute(insert(Person).values(id="p1", **bound))
    async with registry.database.transaction() as session:
        changed = protected(session, Person, "p1", {"name": "Ada King"})
        name = await session.scalar(
            update(Person).where(Person.id == "p1").values(**changed).returning(Person.name)
        )
        assert name == "Ada King"
        assert await session.scalar(select(Person.name)) == "Ada King"


async def test_an_unbound_value_is_refused_before_it_reaches_the_database(
    registry: Registry,
) -> None:
    async with registry.database.transaction() as session:
        with pytest.raises(StatementError, match="without `protected`"):
            await session.execute(insert(Person).values(id="p1", name="Ada"))
        await session.rollback()


async def test_a_value_read_from_one_row_is_bound_to_the_row_it_is_written_to(
    registry: Registry,
) -> None:
    await registry.add("p1")
    source = await registry.find("p1")
    await registry.add("p2", "other@example.com", source.name)
    assert (await registry.find("p2")).name == "Ada"


async def test_an_address_is_found_by_its_blind_index_however_it_is_spelled(
    registry: Registry,
) -> None:
    await registry.add("p1", "ada@example.com")
    async with registry.database.transaction() as session:
        for spelling in ("ada@example.com", " ADA@Example.com "):
            condition = equals(Person, "email_index", spelling)
            assert await session.scalar(select(Person.id).where(condition)) == "p1"
        nobody = equals(Person, "email_index", "ada@example.org")
        assert await session.scalar(select(Person.id).where(nobody)) is None


async def test_an_address_belongs_to_one(registry: Registry) -> None:
    await registry.add("p1", "ada@example.com")
    with pytest.raises(IntegrityError):
        await registry.add("p2", "ADA@example.com")


async def test_a_change_moves_the_index_with_the_value(registry: Registry) -> None:
    await registry.add("p1", "ada@example.com")
    async with registry.database.transaction() as session:
        person = await session.get_one(Person, "p1")
        person.email = "countess@example.com"
    await registry.add("p2", "ada@example.com")
    assert (await registry.find("p1")).email == "countess@example.com"


async def test_a_change_of_something_else_seals_nothing_anew(registry: Registry) -> None:
    await registry.add("p1")
    before = await registry.sql.fetchval("SELECT email_sealed FROM people")
    async with registry.database.transaction() as session:
        (await session.get_one(Person, "p1")).name = "Countess"
    assert await registry.sql.fetchval("SELECT email_sealed FROM people") == before


# An older version beside this one.


async def old_adds(sql: asyncpg.Connection, id_: str, email: str) -> None:
    await sql.execute(
        "INSERT INTO people (id, email, name, address) VALUES ($1, $2, 'Old', $3)",
        id_,
        email,
        '{"city": "Basel"}',
    )


async def test_what_an_older_version_writes_is_read_and_found(unexpanded: Registry) -> None:
    await old_adds(unexpanded.sql, "p1", "old@example.com")
    await expand(unexpanded.sql)
    await old_adds(unexpanded.sql, "p2", "older@example.com")
    for id_, email in (("p1", "old@example.com"), ("p2", "older@example.com")):
        found = await unexpanded.find(id_)
        assert (found.email, found.name, found.address) == (email, "Old", {"city": "Basel"})
        async with unexpanded.database.transaction() as session:
            condition = equals(Person, "email_index", email)
            assert await session.scalar(select(Person.id).where(condition)) == id_


async def test_what_this_version_writes_an_older_one_reads(unexpanded: Registry) -> None:
    await old_adds(unexpanded.sql, "p1", "old@example.com")
    await expand(unexpanded.sql)
    await unexpanded.add("p2", "new@example.com", "New")
    row = await unexpanded.sql.fetchrow("SELECT email, name FROM people WHERE id = 'p2'")
    assert tuple(row) == ("new@example.com", "New")
    with pytest.raises(asyncpg.UniqueViolationError):
        await old_adds(unexpanded.sql, "p3", "new@example.com")
    with pytest.raises(IntegrityError):
        await unexpanded.add("p3", "old@example.com")


async def test_what_an_older_version_changes_is_not_hidden_by_the_sealed_value(
    unexpanded: Registry,
) -> None:
    await old_adds(unexpanded.sql, "p1", "old@example.com")
    await expand(unexpanded.sql)
    await unexpanded.add("p2", "new@example.com", "New")
    await unexpanded.sql.execute(
        "UPDATE people SET name = 'Renamed', address = NULL, email = 'moved@example.com' WHERE id = 'p2'"
    )
    found = await unexpanded.find("p2")
    assert (found.email, found.name, found.address) == ("moved@example.com", "Renamed", None)
    await unexpanded.add("p3", "new@example.com")


async def test_each_value_says_which_key_sealed_it(registry: Registry) -> None:
    await registry.add("p1")
    sealed = await registry.sql.fetchval("SELECT email_sealed FROM people")
    assert version_of(sealed) == registry.keys.newest

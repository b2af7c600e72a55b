from collections import Counter

import asyncpg
import pytest
from sqlalchemy import LargeBinary

from libs.database.migrations import metadata_of
from libs.privacy.rows import sealed_columns
from libs.testing.databases import Databases
from libs.topology import SERVICES, schema_of
from tests.architecture.test_personal_data import EXPORTING, export_of
from tests.privacy.inventory import (
    CLASSES,
    EVERY,
    PROTECTIONS,
    WORDS,
    Listed,
    described,
    kept_tables,
    listed,
)

COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
JOIN pg_class ON relname = table_name AND relnamespace = table_schema::regnamespace
WHERE table_schema = $1 AND table_name <> 'alembic_version' AND NOT relispartition AND relkind IN ('r', 'p')
"""

DESCRIBED = described()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_column_of_the_schema_is_listed_and_no_other(
    databases: Databases, service: str
) -> None:
    connection = await asyncpg.connect(databases.url(service, "superuser"))
    found = await connection.fetch(COLUMNS, schema_of(service))
    await connection.close()
    there = {(row["table_name"], row["column_name"]) for row in found}
    known = {(one.table, one.column) for one in listed() if one.service in {EVERY, service}}
    assert there - known == set(), "say in docs/privacy/inventory.json what these hold"
    assert known - there == set(), "take these out of docs/privacy/inventory.json"


def test_no_column_is_listed_twice() -> None:
    counted = Counter((one.service, one.table, one.column) for one in listed())
    assert [place for place, times in counted.items() if times > 1] == []


@pytest.mark.parametrize(
    "one", DESCRIBED, ids=lambda one: f"{one.service}.{one.table}.{one.column}"
)
def test_every_word_about_a_column_is_said(one: Listed) -> None:
    words = one.words or {}
    assert words.keys() == WORDS
    assert words["class"] in CLASSES
    assert words["protection"] in PROTECTIONS
    assert isinstance(words["export"], bool)
    assert all(words[name] for name in WORDS - {"export"})
    assert not (words["export"] and words["class"] == "secret")


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_listed_as_encrypted_is_sealed_and_the_other_way_round(service: str) -> None:
    sealed = {(one.table, one.sealed) for one in sealed_columns(metadata_of(service))}
    said = {
        (one.table, one.column)
        for one in DESCRIBED
        if one.service in {EVERY, service}
        and one.column.endswith("_sealed")
        and one.says("protection") == "encrypted"
    }
    assert said == sealed


def readable(service: str) -> set[tuple[str, str]]:
    """Return what people are given, by table and column: no hashes, and of what is sealed the sealed column alone."""
    given = export_of(service).columns() if service in EXPORTING else set()
    return {
        (table.name, column.name)
        for table in metadata_of(service).tables.values()
        for column in table.columns
        if f"{table.name}.{column.name.removesuffix('_sealed')}" in given
        and (column.name.endswith("_sealed") or not isinstance(column.type, LargeBinary))
        and f"{column.name}_sealed" not in table.columns
    }


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_listed_as_exported_is_what_people_are_given(service: str) -> None:
    given = readable(service)
    wrong = {
        f"{one.table}.{one.column}": one.says("export")
        for one in DESCRIBED
        if one.service in {EVERY, service}
        and one.says("export") != ((one.table, one.column) in given)
    }
    assert wrong == {}


def test_a_row_that_is_kept_has_no_column_that_is_deleted() -> None:
    kept = kept_tables()
    wrong = [
        f"{one.service}.{one.table}.{one.column}"
        for one in DESCRIBED
        if (one.service, one.table) in kept and str(one.says("erased")).startswith("deleted")
    ]
    assert wrong == []

"""Seals, reseals and clears what is in the rows already: in short batches, while the service runs.

Every step finds its own work and may be killed and repeated. A row somebody else holds is left for the next round.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import MetaData, Row, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import LargeBinary

from libs.database.session import Database
from libs.privacy.columns import BlindIndex, encrypted_columns
from libs.privacy.keys import DataKeys, version_of
from libs.privacy.tables import SEALING

BATCH: Final = 200

ANSWERS: Final = "idempotency_keys.body"
"""What stored answers are bound to, together with their principal and key."""


@dataclass(frozen=True)
class SealedColumn:
    """One column with sealed values: where they are, what they are bound to, and what was plain before."""

    name: str
    table: str
    sealed: str
    row: tuple[str, ...]
    plain: str | None
    plain_bytes: str
    index: str | None = None

    def row_of(self, found: Row[Any]) -> str:
        """Return what the row's value is bound to."""
        return "\n".join(str(getattr(found, column)) for column in self.row)

    @property
    def here(self) -> str:
        """The condition that names a row."""
        return " AND ".join(f"{column} = :{column}" for column in self.row)


_STORED_ANSWERS: Final = SealedColumn(
    ANSWERS, "idempotency_keys", "body_sealed", ("principal", "key"), "body", "body"
)


def sealed_columns(metadata: MetaData) -> Iterator[SealedColumn]:
    """List the sealed columns of a service's tables, and of the table of stored answers every schema has."""
    yield _STORED_ANSWERS
    for table in metadata.sorted_tables:
        indexes = {
            kind.column: column.name
            for column in table.columns
            if isinstance(kind := column.type, BlindIndex)
        }
        for column, kind in encrypted_columns(table):
            plain_bytes = f"convert_to({kind.plain}::text, 'UTF8')"
            index = indexes.get(kind.column)
            yield SealedColumn(
                kind.column, table.name, column.name, (kind.row,), kind.plain, plain_bytes, index
            )


async def reseal(database: Database, keys: DataKeys, column: SealedColumn) -> AsyncIterator[int]:
    """Seal values under the newest data key that older ones sealed; yield how many, batch by batch."""
    select = _selecting(column, f"{column.sealed} IS NOT NULL", f"{column.sealed} AS value")
    update = text(
        f"UPDATE {column.table} SET {column.sealed} = :new WHERE {column.here} AND {column.sealed} = :old"  # noqa: S608 - names of our models
    ).bindparams(bindparam("new", type_=LargeBinary), bindparam("old", type_=LargeBinary))
    async for session, rows in _batches(database, column, select):
        done = 0
        for row in rows:
            if version_of(row.value) == keys.newest:
                continue
            plain = keys.open(column.name, column.row_of(row), row.value)
            new = keys.seal(column.name, column.row_of(row), plain)
            await session.execute(update, {**_named(column, row), "new": new, "old": row.value})
            done += 1
        yield done


async def seal(database: Database, keys: DataKeys, column: SealedColumn) -> AsyncIterator[int]:
    """Seal what is only plain; yield how many, batch by batch."""
    if column.plain is None:
        return
    missing = f"{column.sealed} IS NULL AND {column.plain} IS NOT NULL"
    select = _selecting(column, missing, f"{column.plain_bytes} AS value")
    indexed = f", {column.index} = :index" if column.index else ""
    update = text(
        f"UPDATE {column.table} SET {column.sealed} = :new{indexed} WHERE {column.here}"  # noqa: S608 - names of our models
    ).bindparams(bindparam("new", type_=LargeBinary))
    async for session, rows in _batches(database, column, select):
        for row in rows:
            values = {"new": keys.seal(column.name, column.row_of(row), row.value)}
            if column.index:
                values["index"] = keys.blind(column.name, row.value.decode())
            await session.execute(update, {**_named(column, row), **values})
        yield len(rows)


async def clear(database: Database, column: SealedColumn) -> AsyncIterator[int]:
    """Empty the plain column where the value is sealed; yield how many, batch by batch."""
    if column.plain is None:
        return
    both = f"{column.sealed} IS NOT NULL AND {column.plain} IS NOT NULL"
    select = _selecting(column, both, "NULL AS value")
    update = text(f"UPDATE {column.table} SET {column.plain} = NULL WHERE {column.here}")  # noqa: S608 - names of our models
    async for session, rows in _batches(database, column, select):
        for row in rows:
            await session.execute(update, _named(column, row))
        yield len(rows)


async def counts(session: AsyncSession, column: SealedColumn) -> tuple[dict[int, int], int]:
    """Return how many values each data key has sealed, and how many are in the plain column."""
    version = f"('x' || encode(substring({column.sealed} FROM 2 FOR 4), 'hex'))::bit(32)::int"
    found = await session.execute(
        text(
            f"SELECT {version} AS version, count(*) AS total FROM {column.table} "  # noqa: S608 - names of our models
            f"WHERE {column.sealed} IS NOT NULL GROUP BY 1 ORDER BY 1"
        )
    )
    sealed = {row.version: row.total for row in found}
    if column.plain is None:
        return sealed, 0
    plain = await session.scalar(
        text(f"SELECT count(*) FROM {column.table} WHERE {column.plain} IS NOT NULL")  # noqa: S608 - names of our models
    )
    return sealed, plain or 0


def _selecting(column: SealedColumn, condition: str, value: str) -> TextClause:
    key = ", ".join(column.row)
    after = ", ".join(f":after_{name}" for name in column.row)
    return text(
        f"SELECT {key}, {value} FROM {column.table} "  # noqa: S608 - names of our models
        f"WHERE {condition} AND (CAST(:first AS boolean) OR ({key}) > ({after})) "
        f"ORDER BY {key} LIMIT {BATCH} FOR UPDATE SKIP LOCKED"
    )


async def _batches(
    database: Database, column: SealedColumn, select: TextClause
) -> AsyncIterator[tuple[AsyncSession, Sequence[Row[Any]]]]:
    """Walk over a table by its key, each batch in a transaction of its own."""
    place = {"first": True, **{f"after_{name}": "" for name in column.row}}
    while True:
        async with database.transaction() as session:
            await session.execute(text(f"SET LOCAL {SEALING} = 'on'"))
            rows = (await session.execute(select, place)).all()
            if not rows:
                return
            yield session, rows
        last = _named(column, rows[-1])
        place = {"first": False, **{f"after_{name}": value for name, value in last.items()}}


def _named(column: SealedColumn, row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in column.row}

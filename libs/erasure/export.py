"""What a service knows of one person, as a document (GDPR articles 15 and 20).

Nothing is listed twice: every table that names a user, or belongs to a row that does, is exported with all its columns,
those added later too. What is held back is listed, each with the reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import JsonValue
from pydantic_core import to_jsonable_python
from sqlalchemy import ColumnElement, String, Table, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapper

from libs.web.strict import ResponseModel

OWNER: Final = "user_id"

Rows = list[dict[str, JsonValue]]


class PersonalData(ResponseModel):
    """One service's part of an export: the rows by table."""

    tables: dict[str, Rows]


@dataclass(frozen=True)
class Export:
    """How one service finds and shows what it knows of a person.

    Args:
        base: the base class of the service's tables.
        people: the table whose rows are people, where there is one; its primary key is the user's id.
        withheld: `table` or `table.attribute` to the reason why a person is not given it.
    """

    base: type[DeclarativeBase]
    people: str | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)

    async def of(self, session: AsyncSession, user_id: str) -> PersonalData:
        """Read everything about a user; binary values (hashes, seals) are nothing that could be read."""
        tables: dict[str, Rows] = {}
        for mapper, table in self._exported():
            query = select(mapper.class_).where(self._about(table, user_id))
            found = await session.scalars(query.order_by(*table.primary_key))
            names = self._attributes(mapper)
            tables[table.name] = [_row(one, names) for one in found]
        return PersonalData(tables=tables)

    def columns(self) -> set[str]:
        """Return what is exported, as `table.attribute`."""
        return {
            f"{table.name}.{name}"
            for mapper, table in self._exported()
            for name in self._attributes(mapper)
        }

    def personal_tables(self) -> set[str]:
        """Return the names of the tables that are about people, withheld ones too."""
        return {
            table.name for table in self.base.metadata.tables.values() if self._is_personal(table)
        }

    def _exported(self) -> Iterator[tuple[Mapper[Any], Table]]:
        for mapper in sorted(self.base.registry.mappers, key=lambda one: str(one.local_table)):
            table = mapper.local_table
            if not isinstance(table, Table) or table.name in self.withheld:
                continue
            if self._is_personal(table):
                yield mapper, table

    def _attributes(self, mapper: Mapper[Any]) -> list[str]:
        return [
            one.key
            for one in mapper.column_attrs
            if not one.deferred and f"{mapper.local_table}.{one.key}" not in self.withheld
        ]

    def _is_personal(self, table: Table) -> bool:
        return (
            OWNER in table.c
            or table.name == self.people
            or any(self._is_personal(parent.column.table) for parent in _parents(table))
        )

    def _about(self, table: Table, user_id: str) -> ColumnElement[bool]:
        if OWNER in table.c:
            return table.c[OWNER] == user_id
        if table.name == self.people:
            (key,) = table.primary_key
            return type_coerce(key, String) == user_id
        link = next(one for one in _parents(table) if self._is_personal(one.column.table))
        theirs = select(link.column).where(self._about(link.column.table, user_id))
        belongs: ColumnElement[bool] = link.parent.in_(theirs)
        return belongs


def _parents(table: Table) -> list[Any]:
    """Return the foreign keys to other tables, those first that every row has."""
    others = [one for one in table.foreign_keys if one.column.table is not table]
    return sorted(others, key=lambda one: (bool(one.parent.nullable), one.parent.name))


def _row(one: object, names: list[str]) -> dict[str, JsonValue]:
    values = {name: getattr(one, name) for name in names}
    return {
        name: to_jsonable_python(value)
        for name, value in values.items()
        if not isinstance(value, bytes)
    }

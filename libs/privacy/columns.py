"""Columns whose values only the service can read, and what finds a row by a value nobody else can.

A value is bound to its column and row: copied into another row, it does not open. Reading brings the row's key along in
the same query; writing goes through `protected` (Core statements) or the events of `protect_instances` (the ORM).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    and_,
    case,
    cast,
    event,
    func,
    inspect,
    literal_column,
    or_,
    type_coerce,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, MappedColumn, Mapper, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import override

from libs.database.session import Database
from libs.privacy.keys import DataKeys

_PLAIN: Final = b"\x00"
_SEALED: Final = b"\x01"
_END_OF_ROW: Final = b"\x00"

_KEYS: Final[WeakKeyDictionary[Dialect, DataKeys]] = WeakKeyDictionary()


class UnprotectedValue(TypeError):
    """A personal value was written past `protected`, so nothing says which row it belongs to."""


class NoDataKeys(LookupError):
    """A database was opened without `attach`: nothing personal can be read or written there."""


class BoundText(str):
    """A personal text and the row it belongs to."""

    __slots__ = ("row",)
    row: str

    def __new__(cls, text: str, row: str) -> "BoundText":
        made = super().__new__(cls, text)
        made.row = row
        return made


class BoundDocument(dict[str, Any]):
    """A personal document and the row it belongs to."""

    def __init__(self, document: Mapping[str, Any], row: str) -> None:
        super().__init__(document)
        self.row = row


class Encrypted(TypeDecorator[str]):
    """A text that is sealed in the database: AES-256-GCM under a data key of the service.

    Args:
        column: `table.column`, which the value is bound to; it must never change.
        row: the column that names the row.
        plain: the column that held the text before, and holds it where `column` is NULL.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary
    cache_ok: bool | None = True

    def __init__(self, column: str, *, row: str = "id", plain: str | None = None) -> None:
        super().__init__()
        self.column = column
        self.row = row
        self.plain = plain

    @override
    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        table: Any = column.table
        row = _utf8(table.c[self.row])
        sealed = _bytes(_SEALED).concat(row).concat(_bytes(_END_OF_ROW)).concat(column)
        if self.plain is None:
            return type_coerce(case((column.is_not(None), sealed)), self)
        plain = _bytes(_PLAIN).concat(_utf8(table.c[self.plain]))
        return type_coerce(case((column.is_not(None), sealed), else_=plain), self)

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        if not isinstance(value, BoundText | BoundDocument):
            raise UnprotectedValue(f"{self.column} is written without `protected`")
        return _keys_for(dialect).seal(self.column, value.row, self.dumped(value).encode())

    @override
    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value[:1] == _PLAIN:
            return self.loaded(value[1:].decode(), None)
        row, _, sealed = value[1:].partition(_END_OF_ROW)
        name = row.decode()
        return self.loaded(_keys_for(dialect).open(self.column, name, sealed).decode(), name)

    def dumped(self, value: Any) -> str:
        """Return the text that is sealed."""
        return str(value)

    def loaded(self, text: str, row: str | None) -> Any:
        """Return what the application reads; without a row it came from the plain column."""
        return text if row is None else BoundText(text, row)

    def bound(self, value: Any, row: str) -> Any:
        """Say which row a value belongs to."""
        return BoundText(value, row)


class EncryptedDocument(Encrypted):
    """The same for a JSON object."""

    cache_ok: bool | None = True

    @override
    def dumped(self, value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    @override
    def loaded(self, text: str, row: str | None) -> Any:
        document: dict[str, Any] = json.loads(text)
        return document if row is None else BoundDocument(document, row)

    @override
    def bound(self, value: Any, row: str) -> Any:
        return BoundDocument(value, row)


class BlindIndex(TypeDecorator[bytes]):
    """HMAC-SHA256 of the lower-case value of an encrypted column: equality can be searched, and made unique.

    Args:
        column: `table.column` of the value.
        of: the attribute that holds the value; writing it writes the index.
    """

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = LargeBinary
    cache_ok: bool | None = True

    def __init__(self, column: str, *, of: str) -> None:
        super().__init__()
        self.column = column
        self.of = of

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return value if value is None else _keys_for(dialect).blind(self.column, value)


def encrypted(
    table: str, name: str, *, row: str = "id", was_plain: bool = True
) -> MappedColumn[Any]:
    """Map `<name>_sealed`; with `was_plain`, `formerly` maps the column that held the text before."""
    kind = Encrypted(f"{table}.{name}", row=row, plain=name if was_plain else None)
    return mapped_column(f"{name}_sealed", kind, nullable=True)


def formerly(name: str, kind: TypeEngine[Any]) -> MappedColumn[Any]:
    """Map the plain column of before: written for versions that know no other, read only where nothing is sealed."""
    return mapped_column(name, kind, nullable=True, deferred=True, deferred_raiseload=True)


def attach(database: Database, keys: DataKeys) -> None:
    """Have a database's encrypted columns use these keys, which are read before its first transaction."""
    database.before_transactions(keys.ready)
    for dialect in database.dialects:
        _KEYS[dialect] = keys


def keys_of(session: AsyncSession) -> DataKeys:
    """Return the keys of the session's database."""
    return _keys_for(session.get_bind().dialect)


def protected(
    session: AsyncSession, model: type[DeclarativeBase], row: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the values of a Core INSERT or UPDATE of one row, its personal ones bound to it."""
    mapper: Mapper[Any] = inspect(model)
    return {**values, **_personal(mapper, keys_of(session), row, values)}


def equals(model: type[DeclarativeBase], index: str, value: str) -> ColumnElement[bool]:
    """Return the condition that the value behind a blind index equals this one, written by whichever version."""
    mapper: Mapper[Any] = inspect(model)
    table, column = mapper.local_table, mapper.columns[index]
    kind: Any = mapper.columns[column.type.of].type  # type: ignore[attr-defined]  # a BlindIndex
    found: ColumnElement[bool] = column == value
    if kind.plain is None:
        return found
    return or_(found, and_(column.is_(None), table.c[kind.plain] == value))


def protect_instances(base: type[DeclarativeBase]) -> None:
    """Have the personal values of every instance of `base`'s models bound to its row when it is written."""
    event.listen(base, "before_insert", _before_insert, propagate=True)
    event.listen(base, "before_update", _before_update, propagate=True)


def encrypted_columns(table: Table) -> Iterator[tuple[Any, Encrypted]]:
    """List a table's encrypted columns with their types."""
    for column in table.columns:
        if isinstance(column.type, Encrypted):
            yield column, column.type


def _keys_for(dialect: Dialect) -> DataKeys:
    try:
        return _KEYS[dialect]
    except KeyError:
        raise NoDataKeys("attach the service's data keys to this database first") from None


def _bytes(value: bytes) -> ColumnElement[bytes]:
    return literal_column(f"'\\x{value.hex()}'::bytea", LargeBinary)


def _utf8(column: ColumnElement[Any]) -> ColumnElement[bytes]:
    return func.convert_to(cast(column, Text), literal_column("'UTF8'"), type_=LargeBinary)


def _before_insert(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    _bind(mapper, connection, target, {name: getattr(target, name) for name in _names(mapper)})


def _before_update(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    attributes = inspect(target).attrs
    changed = [name for name in _names(mapper) if attributes[name].history.has_changes()]
    _bind(mapper, connection, target, {name: getattr(target, name) for name in changed})


def _names(mapper: Mapper[Any]) -> list[str]:
    """Name the attributes with encrypted columns."""
    return [name for name, column in mapper.columns.items() if isinstance(column.type, Encrypted)]


def _bind(
    mapper: Mapper[Any], connection: Connection, target: Any, values: Mapping[str, Any]
) -> None:
    if not values:
        return
    kind: Any = mapper.columns[next(iter(values))].type
    named = getattr(target, mapper.get_property_by_column(mapper.local_table.c[kind.row]).key)
    for name, value in _personal(mapper, _keys_for(connection.dialect), named, values).items():
        setattr(target, name, value)


def _personal(
    mapper: Mapper[Any], keys: DataKeys, row: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, column in mapper.columns.items():
        kind = column.type
        if isinstance(kind, BlindIndex) and kind.of in values:
            made[name] = values[kind.of]
        if not isinstance(kind, Encrypted) or name not in values:
            continue
        value = values[name]
        made[name] = None if value is None else kind.bound(value, row)
        if kind.plain is not None:
            plain = mapper.get_property_by_column(mapper.local_table.c[kind.plain]).key
            made[plain] = value if keys.plain_written else None
    return made

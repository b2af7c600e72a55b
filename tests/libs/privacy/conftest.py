"""A table with personal data as it is, and as a version that knows no sealed columns sees it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy import Index, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.database.base import metadata_for_service
from libs.database.session import Database
from libs.idempotency.tables import create_idempotency_table
from libs.privacy.columns import (
    BlindIndex,
    EncryptedDocument,
    attach,
    encrypted,
    formerly,
    protect_instances,
)
from libs.privacy.keys import DataKeys
from libs.privacy.tables import create_data_keys, seal_columns
from libs.security.master_key import KeyFile, add_version
from libs.testing.settings import PATIENCE

_BEFORE: Final = "CREATE TABLE people (id text PRIMARY KEY, email text NOT NULL UNIQUE, name text NOT NULL, address jsonb)"


class Base(DeclarativeBase):
    metadata = metadata_for_service()


protect_instances(Base)


class Person(Base):
    __tablename__ = "people"
    __table_args__ = (Index("uq_people_email_index", "email_index", unique=True),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    email: Mapped[str] = encrypted("people", "email")
    email_index: Mapped[bytes | None] = mapped_column(
        BlindIndex("people.email", of="email"), deferred=True
    )
    email_plain: Mapped[str | None] = formerly("email", Text())
    name: Mapped[str] = encrypted("people", "name")
    name_plain: Mapped[str | None] = formerly("name", String(100))
    address: Mapped[dict[str, Any] | None] = mapped_column(
        "address_sealed", EncryptedDocument("people.address", plain="address"), nullable=True
    )
    address_plain: Mapped[dict[str, Any] | None] = formerly("address", JSONB())


@dataclass
class Registry:
    """People, and the connection of an administrator who looks at the rows themselves."""

    database: Database
    keys: DataKeys
    key_file: Path
    sql: asyncpg.Connection

    async def add(self, id_: str, email: str = "ada@example.com", name: str = "Ada") -> None:
        async with self.database.transaction() as session:
            session.add(Person(id=id_, email=email, name=name, address={"city": "Zürich"}))

    async def find(self, id_: str) -> Person:
        async with self.database.transaction() as session:
            found = await session.get(Person, id_)
            assert found is not None
            return found

    async def dump(self) -> str:
        return str(await self.sql.fetch("SELECT * FROM people"))


class Steps:
    """What a migration gets as `op`."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sqltext: str, /) -> None:
        self.statements.append(sqltext)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "master.json"
    add_version(path)
    return path


async def expand(sql: asyncpg.Connection) -> None:
    """Run what a service's migration runs."""
    steps = Steps()
    create_data_keys(steps, "order", ["people"])
    seal_columns(steps, "people", ["email", "name", "address"], {"email": "email_index"})
    for statement in steps.statements:
        await sql.execute(statement)


@pytest.fixture
async def unexpanded(
    scratch_database: Database, scratch_database_url: str, key_file: Path
) -> AsyncIterator[Registry]:
    """As the version before left it."""
    sql = await asyncpg.connect(scratch_database_url)
    steps = Steps()
    create_idempotency_table(steps)
    for statement in (_BEFORE, *steps.statements):
        await sql.execute(statement)
    keys = DataKeys(scratch_database, KeyFile(key_file), "order")
    attach(scratch_database, keys)
    yield Registry(scratch_database, keys, key_file, sql)
    await sql.close()


@pytest.fixture
async def registry(unexpanded: Registry) -> Registry:
    """A new installation: nothing was ever plain."""
    await expand(unexpanded.sql)
    return unexpanded


@pytest.fixture
async def another_process(registry: Registry, scratch_database_url: str) -> AsyncIterator[Registry]:
    """A second process of the same service, which read its keys when it started."""
    database = Database(scratch_database_url, application_name="other", patience=PATIENCE)
    keys = DataKeys(database, KeyFile(registry.key_file), "order")
    attach(database, keys)
    await keys.ready()
    yield Registry(database, keys, registry.key_file, registry.sql)
    await database.close()

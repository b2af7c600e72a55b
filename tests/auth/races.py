"""Lets something happen to an account at the worst moment: while a request is on its way, or waits for its turn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeVar

import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.cache.sessions import SessionStore
from libs.database.session import Database
from libs.ids import new_id
from libs.testing.tokens import AUDIENCE
from libs.testing.waiting import eventually
from services.auth.models import Identity, RefreshFamily
from services.auth.repository import ClientSessionRepository, Derived
from services.auth.service.passwords import Passwords
from tests.auth.conftest import Person

T = TypeVar("T")


class Sent(Protocol):
    """Sends a request and returns once it waits for whoever holds the rows."""

    async def __call__(self, request: Awaitable[T], /) -> asyncio.Future[T]: ...


def held(
    database: Database, user_id: str
) -> AbstractAsyncContextManager[tuple[AsyncSession, Sent]]:
    """Hold an account as whoever changes it does; what is sent meanwhile goes on when the block ends."""
    return rows_held(database, select(Identity.id).where(Identity.id == user_id))


@asynccontextmanager
async def rows_held(
    database: Database, rows: Select[str]
) -> AsyncIterator[tuple[AsyncSession, Sent]]:
    """Hold rows; what is sent meanwhile goes on when the block ends."""
    async with database.transaction() as session:
        await session.execute(rows.with_for_update())

        async def send(request: Awaitable[T]) -> asyncio.Future[T]:
            before = await _waiting(database)
            sent = asyncio.ensure_future(request)

            async def waits() -> bool:
                assert not sent.done(), f"it waited for nobody: {sent.result()}"
                return await _waiting(database) > before

            await eventually(waits, timeout=30)
            return sent

        yield session, send


async def begin_for_client(
    session: AsyncSession, person: Person, client_id: str = "shop-web"
) -> None:
    """Begin a client's session from the person's newest login, as redeeming a code does."""
    login = (
        await session.scalars(
            select(RefreshFamily)
            .where(RefreshFamily.user_id == person.user_id)
            .order_by(RefreshFamily.created_at.desc())
            .limit(1)
        )
    ).one()
    derived = Derived(new_id("fam"), new_id("ses"), client_id, ["openid"], AUDIENCE)
    await ClientSessionRepository(session).derive(login, derived)


async def _waiting(database: Database) -> int:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with database.transaction() as session:
        return int(await session.scalar(waiting) or 0)


def before_the_record_is_written(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[object]]
) -> None:
    """Let something happen before the next session record is written, and after it was decided on."""
    put = SessionStore.put

    async def slowly(store: SessionStore, *record: Any) -> None:
        monkeypatch.undo()
        await happens()
        await put(store, *record)

    monkeypatch.setattr(SessionStore, "put", slowly)


def while_the_password_is_checked(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[object]]
) -> None:
    """Let something happen between the check of the next password and what follows from it."""
    check = Passwords.matches

    async def slowly(passwords: Passwords, password: str, password_hash: str | None) -> bool:
        right = await check(passwords, password, password_hash)
        monkeypatch.undo()
        await happens()
        return right

    monkeypatch.setattr(Passwords, "matches", slowly)

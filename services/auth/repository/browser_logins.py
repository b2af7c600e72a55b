"""Logins of browsers, found by the hash of their cookie, and the clients' sessions that came from them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.domain.accounts import ACTIVE
from services.auth.models import Identity, RefreshFamily
from services.auth.repository.families import live_now
from services.auth.repository.identities import hold


@dataclass(frozen=True)
class BrowserLogin:
    """Who is logged in in a browser, as of `now` on the database's clock."""

    family: RefreshFamily
    identity: Identity
    now: datetime


class BrowserLoginRepository:
    """Families that a cookie stands for."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def hold_owners(self, session_id: str, cookie_hash: bytes | None) -> None:
        """Hold the accounts of a session and of the login a cookie stands for."""
        which = RefreshFamily.session_id == session_id
        if cookie_hash is not None:
            which = or_(which, RefreshFamily.cookie_hash == cookie_hash)
        owners = await self._session.scalars(select(RefreshFamily.user_id).where(which))
        await hold(self._session, *owners)

    async def bind(self, session_id: str, cookie_hash: bytes) -> RefreshFamily:
        """Let the cookie stand for this session, and no cookie before it."""
        found = await self._session.scalars(
            update(RefreshFamily)
            .where(RefreshFamily.session_id == session_id)
            .values(cookie_hash=cookie_hash)
            .returning(RefreshFamily)
        )
        return found.one()

    async def bound_to(self, cookie_hash: bytes) -> RefreshFamily | None:
        """Return the login the cookie stands for, or stood for while it lived."""
        found: RefreshFamily | None = await self._session.scalar(
            select(RefreshFamily).where(RefreshFamily.cookie_hash == cookie_hash)
        )
        return found

    async def find(self, cookie_hash: bytes) -> BrowserLogin | None:
        """Return the live login of an active account behind the cookie."""
        return await self._find(RefreshFamily.cookie_hash == cookie_hash)

    async def find_by_id(self, login_id: str) -> BrowserLogin | None:
        """Return the login if it still lives; it cannot end meanwhile where its account is held."""
        return await self._find(RefreshFamily.id == login_id)

    async def touch(self, family: RefreshFamily, least: timedelta) -> None:
        """Note that the login is in use, unless that was noted less than `least` ago."""
        await self._session.execute(
            update(RefreshFamily)
            .where(RefreshFamily.id == family.id)
            .where(RefreshFamily.last_used_at < func.now() - least)
            .values(last_used_at=func.now())
        )

    async def adopt(self, old: RefreshFamily, new_id: str) -> None:
        """Let the clients' sessions of one login belong to the one that replaces it."""
        await self._session.execute(
            update(RefreshFamily).where(RefreshFamily.login_id == old.id).values(login_id=new_id)
        )

    async def _find(self, which: ColumnElement[bool]) -> BrowserLogin | None:
        found = await self._session.execute(
            select(RefreshFamily, Identity, func.clock_timestamp())
            .join(Identity, Identity.id == RefreshFamily.user_id)
            .where(which, live_now(), Identity.status == ACTIVE)
        )
        row = found.one_or_none()
        return None if row is None else BrowserLogin(row[0], row[1], row[2])

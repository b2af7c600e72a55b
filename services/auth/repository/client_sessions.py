"""Sessions clients have on behalf of people."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.domain.accounts import ACTIVE
from services.auth.domain.families import FAMILY_LIFETIME
from services.auth.models import Identity, RefreshFamily, RefreshToken
from services.auth.repository.families import live_now


@dataclass(frozen=True)
class Derived:
    """A client's session that shall come from a browser's login."""

    id: str
    session_id: str
    client_id: str
    scopes: list[str]
    audience: str


class ClientSessionRepository:
    """Families that a client holds."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def derive(self, login: RefreshFamily, derived: Derived) -> RefreshFamily:
        """Start a client's session that says about the person what the browser's login says; the caller holds the account."""
        now = func.clock_timestamp()
        found = await self._session.scalars(
            insert(RefreshFamily)
            .values(
                id=derived.id,
                session_id=derived.session_id,
                client_id=derived.client_id,
                scopes=derived.scopes,
                audience=derived.audience,
                login_id=login.id,
                user_id=login.user_id,
                home_region=login.home_region,
                user_agent=login.user_agent,
                address_hash=login.address_hash,
                auth_time=login.auth_time,
                acr=login.acr,
                amr=login.amr,
                last_used_at=now,
                expires_at=now + FAMILY_LIFETIME,
            )
            .returning(RefreshFamily)
        )
        return found.one()

    async def find_live(self, session_id: str) -> tuple[RefreshFamily, Identity] | None:
        """Return a live session and the active account behind it."""
        return await self._find(RefreshFamily.session_id == session_id)

    async def find_by_token(self, token_hash: bytes) -> tuple[RefreshFamily, Identity] | None:
        """Return the live session this refresh token would renew, and the active account behind it."""
        holds = (
            select(RefreshToken.family_id)
            .where(RefreshToken.token_hash == token_hash, RefreshToken.state == "live")
            .scalar_subquery()
        )
        return await self._find(RefreshFamily.id == holds)

    async def end_by_token(self, client_id: str, token_hash: bytes) -> Sequence[str]:
        """End the client's session that this refresh token, used or not, belongs to; return its id."""
        held = select(RefreshToken.family_id).where(RefreshToken.token_hash == token_hash)
        mine = RefreshFamily.client_id == client_id
        return await self._end("revoked", mine, RefreshFamily.id == held.scalar_subquery())

    async def end(self, client_id: str, session_id: str, because: str) -> Sequence[str]:
        """End one of the client's sessions; return its id."""
        mine = RefreshFamily.client_id == client_id
        return await self._end(because, mine, RefreshFamily.session_id == session_id)

    async def end_all(self, client_id: str) -> Sequence[str]:
        """End every session the client has; return their ids."""
        return await self._end("client_disabled", RefreshFamily.client_id == client_id)

    async def end_all_of(self, user_id: str, client_id: str) -> Sequence[str]:
        """End every session the client has on behalf of the person, whose account is held; return their ids."""
        theirs = RefreshFamily.user_id == user_id
        return await self._end("consent_taken_back", theirs, RefreshFamily.client_id == client_id)

    async def _find(self, which: ColumnElement[bool]) -> tuple[RefreshFamily, Identity] | None:
        found = await self._session.execute(
            select(RefreshFamily, Identity)
            .join(Identity, Identity.id == RefreshFamily.user_id)
            .where(which, live_now(), Identity.status == ACTIVE)
        )
        row = found.one_or_none()
        return None if row is None else (row[0], row[1])

    async def _end(self, because: str, *which: ColumnElement[bool]) -> Sequence[str]:
        """Those that ended before are among the ids returned: a first try may have missed Redis."""
        ended = await self._session.scalars(
            update(RefreshFamily)
            .where(*which)
            .values(
                revoked_at=func.coalesce(RefreshFamily.revoked_at, func.clock_timestamp()),
                revoked_because=func.coalesce(RefreshFamily.revoked_because, because),
            )
            .returning(RefreshFamily.session_id)
        )
        return ended.all()

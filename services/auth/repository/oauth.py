"""Clients and codes, by the database's clock."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models import AuthorizationCode, OAuthClient, RefreshFamily
from services.auth.repository.identities import hold


class ClientRepository:
    """Registered applications."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, client_id: str) -> OAuthClient | None:
        return await self._session.get(OAuthClient, client_id)

    async def find_locked(self, client_id: str) -> OAuthClient | None:
        return await self._session.get(OAuthClient, client_id, with_for_update=True)

    async def find_shared(self, client_id: str) -> OAuthClient | None:
        """Return the client as it is now, and keep whoever switches it off waiting until the transaction ends."""
        return await self._session.get(OAuthClient, client_id, with_for_update={"read": True})

    async def all(self) -> Sequence[OAuthClient]:
        found = await self._session.scalars(select(OAuthClient).order_by(OAuthClient.id))
        return found.all()

    async def add(self, client: OAuthClient) -> None:
        self._session.add(client)
        await self._session.flush()

    async def replace_secret(
        self, client: OAuthClient, secret_hash: bytes, overlap: timedelta
    ) -> None:
        """Give the client another secret; the one it had is good for a while longer."""
        await self._session.execute(
            update(OAuthClient)
            .where(OAuthClient.id == client.id)
            .values(
                secret_hash=secret_hash,
                previous_secret_hash=client.secret_hash,
                previous_secret_until=func.now() + overlap,
            )
        )


@dataclass(frozen=True)
class NewCode:
    """What a code stands for."""

    code_hash: bytes
    client_id: str
    login_id: str
    redirect_uri: str
    scopes: list[str]
    audience: str
    nonce: str | None
    code_challenge: str


@dataclass(frozen=True)
class PresentedCode:
    """A code somebody presents, locked, as of `now` on the database's clock."""

    code: AuthorizationCode
    now: datetime


class CodeRepository:
    """Authorization codes."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, code: NewCode, lifetime: timedelta) -> None:
        await self._session.execute(
            insert(AuthorizationCode).values(**asdict(code), expires_at=func.now() + lifetime)
        )

    async def find_locked(self, code_hash: bytes) -> PresentedCode | None:
        """Hold the account, then lock the code: of several uses at once the first decides."""
        owners = await self._session.scalars(
            select(RefreshFamily.user_id)
            .join(AuthorizationCode, AuthorizationCode.login_id == RefreshFamily.id)
            .where(AuthorizationCode.code_hash == code_hash)
        )
        await hold(self._session, *owners)
        found = await self._session.execute(
            select(AuthorizationCode, func.clock_timestamp())
            .where(AuthorizationCode.code_hash == code_hash)
            .with_for_update()
        )
        row = found.one_or_none()
        return None if row is None else PresentedCode(row[0], row[1])

    async def mark_used(self, code: AuthorizationCode, session_id: str) -> None:
        await self._session.execute(
            update(AuthorizationCode)
            .where(AuthorizationCode.code_hash == code.code_hash)
            .values(session_id=session_id)
        )

    async def end_unused(self, user_id: str, client_id: str) -> None:
        """Delete what a client could still redeem for the person; the caller holds the account."""
        theirs = select(RefreshFamily.id).where(RefreshFamily.user_id == user_id)
        await self._session.execute(
            delete(AuthorizationCode).where(
                AuthorizationCode.client_id == client_id,
                AuthorizationCode.session_id.is_(None),
                AuthorizationCode.login_id.in_(theirs),
            )
        )

    async def forget_older_than(self, age: timedelta) -> None:
        """Delete codes that expired longer ago than `age`."""
        await self._session.execute(
            delete(AuthorizationCode).where(AuthorizationCode.expires_at < func.now() - age)
        )

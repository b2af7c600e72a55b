"""Refresh families and their tokens, by the database's clock."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from libs.security.scopes import OFFLINE_ACCESS
from services.auth.domain.families import FAMILY_IDLE_LIMIT, FAMILY_LIFETIME, TokenState
from services.auth.domain.proofs import Proof
from services.auth.models import Identity, RefreshFamily, RefreshToken
from services.auth.repository.identities import hold

_LONGEST_LIST = 100


@dataclass(frozen=True)
class NewLogin:
    """Who logged in, and where."""

    id: str
    session_id: str
    user_id: str
    home_region: str
    client_id: str
    user_agent: str
    address_hash: bytes
    acr: str
    amr: list[str]


@dataclass(frozen=True)
class Presented:
    """A presented refresh token with its family locked, as of `now` on the database's clock."""

    token: RefreshToken
    family: RefreshFamily
    identity: Identity
    successor_is_live: bool
    login_is_live: bool
    """Whether the login it came from is live, if it ends with that."""
    now: datetime


class FamilyRepository:
    """Refresh families and their tokens; all times are the database's."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def start(self, login: NewLogin, token_hash: bytes) -> RefreshFamily:
        """Insert a family that begins now, with its first live token; the caller holds the account."""
        now = func.clock_timestamp()
        found = await self._session.scalars(
            insert(RefreshFamily)
            .values(
                **asdict(login), auth_time=now, last_used_at=now, expires_at=now + FAMILY_LIFETIME
            )
            .returning(RefreshFamily)
        )
        family = found.one()
        await self.issue(family.id, token_hash, parent_hash=None)
        return family

    async def issue(self, family_id: str, token_hash: bytes, parent_hash: bytes | None) -> None:
        await self._session.execute(
            insert(RefreshToken).values(
                token_hash=token_hash,
                family_id=family_id,
                parent_hash=parent_hash,
                state=TokenState.LIVE,
            )
        )

    async def find_presented(self, token_hash: bytes) -> Presented | None:
        """Lock the token's family first, then read the token: concurrent uses queue up here."""
        family_id = (
            select(RefreshToken.family_id)
            .where(RefreshToken.token_hash == token_hash)
            .scalar_subquery()
        )
        family = await self._session.scalar(
            select(RefreshFamily).where(RefreshFamily.id == family_id).with_for_update()
        )
        if family is None:
            return None
        live_child = (
            select(RefreshToken.token_hash)
            .where(RefreshToken.parent_hash == token_hash)
            .where(RefreshToken.family_id == family.id)
            .where(RefreshToken.state == TokenState.LIVE)
            .exists()
        )
        found = await self._session.execute(
            select(RefreshToken, Identity, live_child, _login_is_live(), func.clock_timestamp())
            .join(RefreshFamily, RefreshFamily.id == RefreshToken.family_id)
            .join(Identity, Identity.id == RefreshFamily.user_id)
            .where(RefreshToken.token_hash == token_hash)
        )
        row = found.one_or_none()
        return None if row is None else Presented(row[0], family, *row[1:])

    async def mark_used(self, presented: Presented) -> None:
        await self._session.execute(
            update(RefreshToken)
            .where(RefreshToken.token_hash == presented.token.token_hash)
            .values(state=TokenState.USED, used_at=presented.now)
        )

    async def find_live(self, user_id: str, session_id: str) -> RefreshFamily | None:
        """Return the user's session, unless it is over."""
        found: RefreshFamily | None = await self._session.scalar(
            select(RefreshFamily).where(*_live_session(user_id, session_id))
        )
        return found

    async def strengthen(self, user_id: str, session_id: str, proof: Proof) -> bool:
        """Note what the session's owner has shown besides; since when they are logged in stays. False if it is over."""
        strengthened = await self._session.scalar(
            update(RefreshFamily)
            .where(*_live_session(user_id, session_id))
            .values(acr=proof.acr, amr=list(proof.amr))
            .returning(RefreshFamily.id)
        )
        return strengthened is not None

    async def void_live(self, family_id: str) -> None:
        await self._session.execute(
            update(RefreshToken)
            .where(RefreshToken.family_id == family_id, RefreshToken.state == TokenState.LIVE)
            .values(state=TokenState.VOID)
        )

    async def touch(self, presented: Presented) -> None:
        await self._session.execute(
            update(RefreshFamily)
            .where(RefreshFamily.id == presented.family.id)
            .values(last_used_at=presented.now)
        )

    async def end(self, user_id: str, because: str, *, session_id: str) -> Sequence[str]:
        """End one of the user's sessions and what came from it, save what was given access beyond that; return their ids.

        Those that ended before are among them: a first try may have missed Redis.
        """
        await hold(self._session, user_id)
        login = aliased(RefreshFamily)
        its_id = select(login.id).where(login.session_id == session_id).scalar_subquery()
        came_from_it = and_(RefreshFamily.login_id == its_id, ~_outlives_its_login())
        ended = await self._session.scalars(
            update(RefreshFamily)
            .where(RefreshFamily.user_id == user_id)
            .where(or_(RefreshFamily.session_id == session_id, came_from_it))
            .values(
                revoked_at=func.coalesce(RefreshFamily.revoked_at, func.clock_timestamp()),
                revoked_because=func.coalesce(RefreshFamily.revoked_because, because),
            )
            .returning(RefreshFamily.session_id)
        )
        return ended.all()

    async def revoke_all(
        self, user_id: str, because: str, *, but: str | None = None
    ) -> Sequence[str]:
        """End the user's live families, but that of one session; return the ids of those that ended.

        Only `end_everything` calls this, which also ends what these sessions have begun.
        """
        await hold(self._session, user_id)
        which = [RefreshFamily.user_id == user_id, RefreshFamily.revoked_at.is_(None)]
        if but is not None:
            which.append(RefreshFamily.session_id != but)
        ended = await self._session.scalars(
            update(RefreshFamily)
            .where(*which)
            .values(revoked_at=func.clock_timestamp(), revoked_because=because)
            .returning(RefreshFamily.session_id)
        )
        return ended.all()

    async def owns(self, user_id: str, session_id: str) -> bool:
        """Tell whether this session is, or was, the user's."""
        found = await self._session.scalar(
            select(RefreshFamily.id).where(
                RefreshFamily.user_id == user_id, RefreshFamily.session_id == session_id
            )
        )
        return found is not None

    async def is_live(self, session_id: str) -> bool:
        found = await self._session.scalar(
            select(RefreshFamily.id).where(RefreshFamily.session_id == session_id, live_now())
        )
        return found is not None

    async def live_of(self, user_id: str) -> Sequence[RefreshFamily]:
        found = await self._session.scalars(
            select(RefreshFamily)
            .where(RefreshFamily.user_id == user_id, live_now())
            .order_by(RefreshFamily.last_used_at.desc(), RefreshFamily.id)
            .limit(_LONGEST_LIST)
        )
        return found.all()

    async def knows_address(self, user_id: str, address_hash: bytes) -> bool:
        """Tell whether the user has logged in from this address before."""
        found = await self._session.scalar(
            select(RefreshFamily.id)
            .where(RefreshFamily.user_id == user_id, RefreshFamily.address_hash == address_hash)
            .limit(1)
        )
        return found is not None

    async def ended_within(self, age: timedelta) -> Sequence[str]:
        """Return the sessions that somebody ended lately."""
        found = await self._session.scalars(
            select(RefreshFamily.session_id).where(RefreshFamily.revoked_at > func.now() - age)
        )
        return found.all()

    async def forget_older_than(self, age: timedelta) -> None:
        """Delete families that ended and tokens that were used longer ago than `age`."""
        before = func.now() - age
        await self._session.execute(
            delete(RefreshFamily).where(
                func.least(RefreshFamily.expires_at, RefreshFamily.revoked_at) < before
            )
        )
        await self._session.execute(
            delete(RefreshToken).where(
                RefreshToken.state != TokenState.LIVE, RefreshToken.created_at < before
            )
        )


def _live_session(user_id: str, session_id: str) -> tuple[ColumnElement[bool], ...]:
    return RefreshFamily.user_id == user_id, RefreshFamily.session_id == session_id, live_now()


def live_now() -> ColumnElement[bool]:
    """Return `domain.families.is_live` in SQL, of the session and of the login it ends with."""
    return and_(_is_live(RefreshFamily), _login_is_live())


def _is_live(family: type[RefreshFamily]) -> ColumnElement[bool]:
    return and_(
        family.revoked_at.is_(None),
        family.expires_at > func.now(),
        family.last_used_at > func.now() - FAMILY_IDLE_LIMIT,
    )


def _login_is_live() -> ColumnElement[bool]:
    """Tell whether a client's session has the login it came from; our own logins, which have no scopes, need none."""
    login = aliased(RefreshFamily)
    found = select(login.id).where(login.id == RefreshFamily.login_id, _is_live(login)).exists()
    return or_(RefreshFamily.scopes.is_(None), _outlives_its_login(), found)


def _outlives_its_login() -> ColumnElement[bool]:
    return func.coalesce(RefreshFamily.scopes.contains([OFFLINE_ACCESS]), false())

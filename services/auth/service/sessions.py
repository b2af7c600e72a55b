"""Sessions: refreshed with rotating tokens, listed and ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.cache.sessions import SessionRecord, SessionStore, SessionStoreUnavailable
from libs.contracts.auth import SecurityChanged
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from services.auth.domain.accounts import ACTIVE
from services.auth.domain.families import (
    SESSION_IDLE_LIMIT,
    Family,
    PresentedToken,
    Rotation,
    TokenState,
    decide_rotation,
)
from services.auth.errors import InvalidRefreshToken, SessionNotFound
from services.auth.models import Identity, RefreshFamily
from services.auth.repository import FamilyRepository, Presented, Unit, Units
from services.auth.service.ending import SessionEnding, end_everything, end_what_waits
from services.auth.service.minting import (
    FIRST_PARTY_CLIENT,
    AccessTokens,
    IssuedTokens,
    hash_of,
    new_opaque_token,
)
from services.auth.service.turns import Turns

_log = get_logger(__name__)
_refreshes = counter("auth_refreshes", unit="{refresh}", description="Refreshes by outcome.")


@dataclass(frozen=True)
class Renewed:
    """A session that goes on, and the refresh token that renews it next."""

    identity: Identity
    family: RefreshFamily
    refresh_token: str


@dataclass(frozen=True)
class SessionService:
    """Sessions of logged-in users. Families in PostgreSQL decide; records in Redis follow."""

    units: Units
    sessions: SessionStore
    tokens: AccessTokens
    turns: Turns

    async def refresh(self, refresh_token: str) -> IssuedTokens:
        """Exchange a refresh token of our own login for a new pair.

        Raises:
            InvalidRefreshToken: whatever is wrong with it.
        """
        renewed = await self.renew(refresh_token, FIRST_PARTY_CLIENT)
        access_token = await self.tokens.mint(renewed.identity, renewed.family)
        await self.record(renewed.family)
        return IssuedTokens(access_token, renewed.refresh_token, renewed.family.session_id)

    async def renew(self, refresh_token: str, client_id: str) -> Renewed:
        """Exchange a refresh token that was given to this client for its successor.

        A token used twice ends its whole family, except within ten seconds while the answer may have been lost.
        Another client's token is unknown, and stays what it is.

        Raises:
            InvalidRefreshToken: whatever is wrong with it.
        """
        successor, successor_hash = new_opaque_token()
        presented, rotation = await self._rotate(hash_of(refresh_token), successor_hash, client_id)
        _refreshes.add(1, {"outcome": rotation.value})
        if presented is None or rotation is Rotation.ENDED:
            raise InvalidRefreshToken
        if rotation is Rotation.REUSED:
            await self._end_after_reuse(presented.family)
            raise InvalidRefreshToken
        return Renewed(presented.identity, presented.family, successor)

    async def list_sessions(self, user_id: str) -> Sequence[RefreshFamily]:
        """Return the user's live sessions, the newest use first."""
        async with self.units.begin() as unit:
            return await unit.families.live_of(user_id)

    async def end_session(self, user_id: str, session_id: str) -> None:
        """End one of the user's sessions, and those of clients that came from it; ending it again changes nothing.

        Raises:
            SessionNotFound: unknown, or somebody else's.
            SessionStoreUnavailable: it can no longer be refreshed, but lives on in Redis: try again.
        """
        async with self.units.begin() as unit:
            if not await unit.families.owns(user_id, session_id):
                raise SessionNotFound
            ended = await unit.families.end(user_id, "ended", session_id=session_id)
            await unit.audit.record("session.ended", user_id, session_id, sessions=len(ended))
        await SessionEnding(self.sessions).forget(ended)

    async def end_all(self, user_id: str) -> None:
        """End every session of the user, and what was begun in any.

        Raises:
            SessionStoreUnavailable: they can no longer be refreshed, but live on in Redis: try again.
        """
        async with self.units.begin() as unit:
            ended = await end_everything(unit, user_id, "logout_all")
            await unit.audit.record("session.all_ended", user_id, user_id)
        await SessionEnding(self.sessions).forget_all_of(user_id, ended)

    async def _rotate(
        self, token_hash: bytes, successor_hash: bytes, client_id: str
    ) -> tuple[Presented | None, Rotation]:
        async with self.turns.of(token_hash), self.units.begin() as unit:
            presented = await unit.families.find_presented(token_hash)
            if presented is None or presented.family.client_id != client_id:
                return None, Rotation.ENDED
            rotation = _judge(presented)
            await _apply(unit.families, presented, rotation, successor_hash)
            return presented, rotation

    async def record(self, family: RefreshFamily) -> None:
        """Make the session's record again, if need be. While Redis is away that waits for the next refresh."""
        try:
            await put_record(self.units, self.sessions, family)
        except SessionStoreUnavailable:
            _log.warning("session_not_recorded", session_id=family.session_id)

    async def _end_after_reuse(self, family: RefreshFamily) -> None:
        _log.warning("refresh_token_reused", user_id=family.user_id, session_id=family.session_id)
        # What changes an account locks it before its sessions. Judging has locked the session, so
        # the end is a transaction of its own; used twice stays used twice, whoever comes between.
        ended = [family.session_id]
        async with self.units.begin() as unit:
            if await unit.identities.find_locked(family.user_id) is not None:
                ended += await _end_and_tell(unit, family)
        try:
            await SessionEnding(self.sessions).forget(ended)
        except SessionStoreUnavailable:
            _log.warning("session_record_left", session_id=family.session_id)


async def put_record(units: Units, sessions: SessionStore, family: RefreshFamily) -> None:
    """Let the family's session live, for as long as it is used, unless it was ended meanwhile.

    Whoever ends a session commits first and deletes the record then, so looking once more after writing leaves no way
    for a record to outlive its family.

    Raises:
        SessionStoreUnavailable: Redis is away.
    """
    idle_seconds = int(SESSION_IDLE_LIMIT.total_seconds())
    await sessions.put(family.session_id, _record_of(family), idle_seconds, family.expires_at)
    async with units.begin() as unit:
        live = await unit.families.is_live(family.session_id)
    if not live:
        await sessions.delete(family.session_id)


def _record_of(family: RefreshFamily) -> SessionRecord:
    return SessionRecord(
        session_id=family.session_id,
        user_id=family.user_id,
        home_region=family.home_region,
        client_id=family.client_id,
        created_at=family.created_at,
        auth_time=family.auth_time,
    )


def _judge(presented: Presented) -> Rotation:
    family, token = presented.family, presented.token
    return decide_rotation(
        PresentedToken(TokenState(token.state), token.used_at, presented.successor_is_live),
        Family(
            revoked=family.revoked_at is not None
            or not presented.login_is_live
            or not _is_active(presented.identity),
            expires_at=family.expires_at,
            last_used_at=family.last_used_at,
        ),
        presented.now,
    )


async def _apply(
    families: FamilyRepository, presented: Presented, rotation: Rotation, successor_hash: bytes
) -> None:
    family, token = presented.family, presented.token
    if rotation is Rotation.REPLACE:
        await families.void_live(family.id)
    if rotation is Rotation.ROTATE:
        await families.mark_used(presented)
    if rotation in {Rotation.ROTATE, Rotation.REPLACE}:
        await families.issue(family.id, successor_hash, parent_hash=token.token_hash)
        await families.touch(presented)


async def _end_and_tell(unit: Unit, family: RefreshFamily) -> Sequence[str]:
    if not await unit.families.is_live(family.session_id):
        return []
    ended = await unit.families.end(family.user_id, "reuse", session_id=family.session_id)
    await end_what_waits(unit, family.user_id)  # whoever had the copy may have begun it
    await unit.audit.record(
        "refresh_token.reused", family.user_id, family.session_id, "refused", family=family.id
    )
    await unit.outbox.add(
        SecurityChanged(user_id=family.user_id, change="refresh_token_reused"),
        aggregate_version=await unit.identities.next_version(family.user_id),
    )
    return ended


def _is_active(identity: Identity) -> bool:
    return identity.status == ACTIVE

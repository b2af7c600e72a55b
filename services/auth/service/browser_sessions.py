"""Logins of browsers: a cookie with 256 random bits, of which only the hash is kept, stands for a refresh family."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.audit.log import AuditLog
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from services.auth.models import RefreshFamily
from services.auth.repository import BrowserLogin, BrowserLoginRepository, FamilyRepository
from services.auth.service.ending import SessionEnding
from services.auth.service.minting import AccessTokens, hash_of
from services.auth.service.sessions import SessionService

NOTED_EVERY: Final = timedelta(minutes=1)

_COOKIE_BYTES: Final = 32
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def new_cookie() -> str:
    """Return a value no one can guess."""
    return secrets.token_urlsafe(_COOKIE_BYTES)


def is_cookie(value: str) -> bool:
    """Tell whether this could be one of ours."""
    return _COOKIE.fullmatch(value) is not None


@dataclass(frozen=True)
class BrowserSessions:
    """Starts, finds and ends the logins of browsers. PostgreSQL decides; session records in Redis follow."""

    database: Database
    sessions: SessionStore
    tokens: AccessTokens
    refreshing: SessionService

    async def start(self, session_id: str, instead_of: str | None) -> str:
        """Turn a login that just succeeded into this browser's; return its cookie.

        The cookie is always a new one, so that nobody can plant one before the login. What the browser's previous login
        gave to clients goes on if it was the same person's, and ends otherwise.
        """
        cookie = new_cookie()
        async with self.database.transaction() as session:
            logins, families = BrowserLoginRepository(session), FamilyRepository(session)
            replaced = None if instead_of is None else hash_of(instead_of)
            await logins.hold_owners(session_id, replaced)
            old = None if replaced is None else await logins.find(replaced)
            family = await logins.bind(session_id, hash_of(cookie))
            # The browser has the cookie instead of a refresh token.
            await families.void_live(family.id)
            ended: Sequence[str] = []
            if old is not None:
                if old.family.user_id == family.user_id:
                    await logins.adopt(old.family, family.id)
                ended = await _end(families, old.family, "replaced")
        await SessionEnding(self.sessions).forget(ended)
        return cookie

    async def find(self, cookie: str | None) -> BrowserLogin | None:
        """Return who is logged in with this cookie, and note that the login is in use."""
        if cookie is None or not is_cookie(cookie):
            return None
        async with self.database.transaction() as session:
            logins = BrowserLoginRepository(session)
            login = await logins.find(hash_of(cookie))
            if login is not None:
                await logins.touch(login.family, NOTED_EVERY)
            return login

    async def access_token(self, login: BrowserLogin) -> str:
        """Return an access token of five minutes, and make the session's record again.

        Raises:
            SigningKeysUnavailable: there is no key to sign with yet.
        """
        token = await self.tokens.mint(login.identity, login.family)
        await self.refreshing.record(login.family)
        return token

    async def end(self, cookie: str) -> None:
        """Log the browser out, and with it the clients that were not given access beyond that; again changes nothing.

        Raises:
            SessionStoreUnavailable: no session can be refreshed any more, but records live on in Redis: try again.
        """
        async with self.database.transaction() as session:
            ended: Sequence[str] = []
            family = await BrowserLoginRepository(session).bound_to(hash_of(cookie))
            if family is not None:
                ended = await _end(FamilyRepository(session), family, "logout")
                await AuditLog(session).record(
                    "session.ended", family.user_id, family.session_id, sessions=len(ended)
                )
        await SessionEnding(self.sessions).forget(ended)


async def _end(families: FamilyRepository, login: RefreshFamily, because: str) -> Sequence[str]:
    return await families.end(login.user_id, because, session_id=login.session_id)

"""Introspection (RFC 7662) and revocation (RFC 7009): a client looks at tokens that concern it, and ends its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from libs.audit.log import AuditLog
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from services.auth.models import OAuthClient
from services.auth.repository import ClientSessionRepository
from services.auth.schemas.oauth import Introspection
from services.auth.service.ending import SessionEnding
from services.auth.service.minting import hash_of
from services.auth.service.oauth.id_tokens import OwnTokens

INACTIVE: Final = Introspection(active=False)
"""The same for garbage, foreign, expired and revoked tokens."""


@dataclass(frozen=True)
class Inspection:
    """Tells of tokens, and ends them."""

    database: Database
    sessions: SessionStore
    own_tokens: OwnTokens
    issuer: str

    async def introspect(self, client: OAuthClient, token: str) -> Introspection:
        """Tell what a token says if it is good and concerns the client: issued to it, or meant for it.

        A client that is an API of its own bears the name its tokens have as audience.
        """
        claims = await self.own_tokens.access_token(token)
        if claims is None:
            return await self._refresh_token(client, token)
        concerned = client.id in {claims.get("client_id"), claims.get("aud")}
        if not concerned or not await self._lives(claims):
            return INACTIVE
        return Introspection.model_validate({**claims, "active": True, "token_type": "Bearer"})

    async def revoke(self, client: OAuthClient, token: str) -> None:
        """End the client's session the token belongs to; of any other token nothing is told and nothing changed.

        Money and administration refuse the session at once, the rest when its access token ends.

        Raises:
            SessionStoreUnavailable: it can no longer be refreshed, but its record lives on in Redis: try again.
        """
        claims = await self.own_tokens.access_token(token)
        async with self.database.transaction() as session:
            held = ClientSessionRepository(session)
            if claims is None:
                ended = await held.end_by_token(client.id, hash_of(token))
            else:
                ended = await held.end(client.id, str(claims.get("sid")), "revoked")
            if claims is not None and claims.get("sub") == client.id:
                ended = [str(claims.get("sid"))]
            for session_id in ended:
                await AuditLog(session).record("token.revoked", f"client:{client.id}", session_id)
        await SessionEnding(self.sessions).forget(ended)

    async def _lives(self, claims: Mapping[str, object]) -> bool:
        session_id = str(claims.get("sid"))
        if claims.get("sub") == claims.get("client_id"):
            return await self.sessions.get(session_id) is not None
        async with self.database.transaction() as session:
            return await ClientSessionRepository(session).find_live(session_id) is not None

    async def _refresh_token(self, client: OAuthClient, token: str) -> Introspection:
        async with self.database.transaction() as session:
            found = await ClientSessionRepository(session).find_by_token(hash_of(token))
        if found is None or found[0].client_id != client.id:
            return INACTIVE
        family, identity = found
        return Introspection(
            active=True,
            scope=" ".join(family.scopes or ()),
            client_id=client.id,
            sub=identity.id,
            iss=self.issuer,
            exp=int(family.expires_at.timestamp()),
            sid=family.session_id,
        )

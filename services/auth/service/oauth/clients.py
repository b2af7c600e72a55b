"""Applications: registered, given secrets, told apart, switched off."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.audit.log import AuditLog
from libs.cache.sessions import SessionStore
from libs.clock import Clock
from libs.database.session import Database
from services.auth.domain.oauth.clients import ACTIVE, SWITCHED_OFF
from services.auth.errors import ClientExists, ClientNotFound, OAuthError
from services.auth.models import OAuthClient
from services.auth.repository import ClientRepository, ClientSessionRepository
from services.auth.schemas.oauth import ClientRegistration
from services.auth.service.ending import SessionEnding
from services.auth.service.minting import hash_of

SECRET_OVERLAP: Final = timedelta(days=1)
"""How long a replaced secret goes on working, for a client to change over without a pause."""

_SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class PresentedClient:
    """Who a caller claims to be, and the secret that is to prove it; a public client sends none."""

    client_id: str
    secret: str | None


@dataclass(frozen=True)
class Clients:
    """The registered applications."""

    database: Database
    clock: Clock
    audience: str
    """Our own API's, for clients that are registered without another."""

    async def find_active(self, client_id: str) -> OAuthClient | None:
        """Return the client unless it is unknown or switched off."""
        async with self.database.transaction() as session:
            client = await ClientRepository(session).find(client_id)
        return client if client is not None and client.status == ACTIVE else None

    async def note_own_session(self, client_id: str, session_id: str) -> bool:
        """Record that the client began a session for itself; False if it was switched off meanwhile."""
        async with self.database.transaction() as session:
            client = await ClientRepository(session).find(client_id)
            active = client is not None and client.status == ACTIVE
            if active:
                await AuditLog(session).record(
                    "session.started", f"client:{client_id}", session_id, client=client_id
                )
        return active

    async def authenticate(self, presented: PresentedClient) -> OAuthClient:
        """Return the client that proves to be who it claims.

        Raises:
            OAuthError: unknown, switched off, or with another secret: the answer does not tell which; `invalid_client`.
        """
        client = await self.find_active(presented.client_id)
        if client is None or not self._proves(presented.secret, client):
            raise OAuthError("invalid_client", "the client is unknown or its secret wrong", 401)
        return client

    async def list_all(self) -> Sequence[OAuthClient]:
        """Return every client, those switched off too."""
        async with self.database.transaction() as session:
            return await ClientRepository(session).all()

    async def create(self, registration: ClientRegistration, actor: str) -> str | None:
        """Register a client; return its secret, if it can keep one. `actor` is who the audit log names.

        Raises:
            ClientExists: the id is taken.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES) if registration.confidential else None
        async with self.database.transaction() as session:
            clients = ClientRepository(session)
            if await clients.find(registration.client_id) is not None:
                raise ClientExists
            client = OAuthClient(id=registration.client_id, status=ACTIVE)
            client.secret_hash = None if secret is None else hash_of(secret)
            self._describe(client, registration)
            await clients.add(client)
            await AuditLog(session).record("oauth_client.created", actor, client.id)
        return secret

    async def update(self, registration: ClientRegistration, actor: str) -> None:
        """Replace what is registered about a client; its secret stays.

        Raises:
            ClientNotFound: no client has this id, or it would need a secret it never got.
        """
        async with self.database.transaction() as session:
            client = await ClientRepository(session).find_locked(registration.client_id)
            if client is None or (client.secret_hash is not None) != registration.confidential:
                raise ClientNotFound
            self._describe(client, registration)
            await AuditLog(session).record("oauth_client.changed", actor, client.id)

    async def rotate_secret(self, client_id: str, actor: str) -> str:
        """Give a confidential client another secret; the previous one works for a day.

        Raises:
            ClientNotFound: no confidential client has this id.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        async with self.database.transaction() as session:
            clients = ClientRepository(session)
            client = await clients.find_locked(client_id)
            if client is None or client.secret_hash is None:
                raise ClientNotFound
            await clients.replace_secret(client, hash_of(secret), SECRET_OVERLAP)
            await AuditLog(session).record("oauth_client.secret_rotated", actor, client_id)
        return secret

    async def disable(self, client_id: str, sessions: SessionStore, actor: str) -> None:
        """Switch a client off: it gets no more tokens, and the sessions it has end.

        Whoever redeems a code shares the client's row until the session it begins is there to be ended.

        Raises:
            ClientNotFound: no client has this id.
            SessionStoreUnavailable: it is switched off, but session records live on in Redis: try again.
        """
        async with self.database.transaction() as session:
            client = await ClientRepository(session).find_locked(client_id)
            if client is None:
                raise ClientNotFound
            client.status = SWITCHED_OFF
            ended = await ClientSessionRepository(session).end_all(client_id)
            await AuditLog(session).record("oauth_client.disabled", actor, client_id)
        await SessionEnding(sessions).forget_all_of(client_id, ended)

    def _describe(self, client: OAuthClient, registration: ClientRegistration) -> None:
        client.name = registration.name
        client.redirect_uris = list(registration.redirect_uris)
        client.post_logout_redirect_uris = list(registration.post_logout_redirect_uris)
        client.scopes = list(registration.scopes)
        client.grants = list(registration.grants)
        client.audiences = list(registration.audiences) or [self.audience]
        client.trusted = registration.trusted

    def _proves(self, secret: str | None, client: OAuthClient) -> bool:
        if client.secret_hash is None or secret is None:
            return client.secret_hash is None and secret is None
        presented = hash_of(secret)
        if hmac.compare_digest(presented, client.secret_hash):
            return True
        previous, until = client.previous_secret_hash, client.previous_secret_until
        in_time = previous is not None and until is not None and self.clock.now() < until
        return in_time and hmac.compare_digest(presented, previous or b"")

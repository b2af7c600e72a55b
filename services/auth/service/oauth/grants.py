"""The token endpoint's grants: a code, a refresh token or a client's own credentials become tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from libs.cache.sessions import SessionRecord, SessionStore
from libs.clock import Clock
from libs.ids import new_id
from libs.observability.metrics import counter
from libs.security.scopes import IDENTITY_SCOPES, OPENID
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from services.auth.domain.oauth.parameters import Parameters, required, words
from services.auth.domain.oauth.requests import requested_audience, requested_scopes
from services.auth.domain.oauth.scopes import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    GRANTS,
    REFRESH_TOKEN,
    granted_to,
)
from services.auth.errors import InvalidRefreshToken, OAuthError
from services.auth.models import Identity, OAuthClient, RefreshFamily
from services.auth.schemas.oauth import TokenAnswer
from services.auth.service.minting import AccessTokens
from services.auth.service.oauth.authorization import registration_of
from services.auth.service.oauth.clients import Clients
from services.auth.service.oauth.codes import Codes, Redemption
from services.auth.service.oauth.id_tokens import IdTokens
from services.auth.service.sessions import SessionService

_BAD_REFRESH_TOKEN: Final = "the refresh token is unknown, used, expired or another client's"  # noqa: S105 - a sentence

_grants = counter("auth_oauth_grants", unit="{grant}", description="OAuth grants by outcome.")


@dataclass(frozen=True)
class Grants:
    """Exchanges grants for tokens."""

    clients: Clients
    codes: Codes
    refreshing: SessionService
    sessions: SessionStore
    tokens: AccessTokens
    id_tokens: IdTokens
    clock: Clock
    region: str

    async def answer(self, client: OAuthClient, parameters: Parameters) -> TokenAnswer:
        """Exchange the grant that the parameters name.

        Raises:
            OAuthError: what is wrong with it (RFC 6749 section 5.2).
        """
        kind = required(parameters, "grant_type")
        if kind not in GRANTS:
            raise OAuthError("unsupported_grant_type", f"use one of {', '.join(GRANTS)}")
        if kind not in client.grants:
            raise OAuthError("unauthorized_client", "this client may not use that grant")
        ways = {
            AUTHORIZATION_CODE: self._of_code,
            REFRESH_TOKEN: self._of_refresh_token,
            CLIENT_CREDENTIALS: self._of_client,
        }
        outcome = "refused"
        try:
            answer = await ways[kind](client, parameters)
            outcome = "ok"
        finally:
            _grants.add(1, {"grant": kind, "outcome": outcome})
        return answer

    async def _of_code(self, client: OAuthClient, parameters: Parameters) -> TokenAnswer:
        redemption = Redemption(
            client,
            code=required(parameters, "code"),
            verifier=required(parameters, "code_verifier"),
            redirect_uri=parameters.get("redirect_uri"),
        )
        begun = await self.codes.redeem(redemption)
        return await self._for_person(
            begun.identity, begun.family, nonce=begun.nonce, refresh_token=begun.refresh_token
        )

    async def _of_refresh_token(self, client: OAuthClient, parameters: Parameters) -> TokenAnswer:
        token = required(parameters, "refresh_token")
        narrower = words(parameters, "scope") or None
        if narrower is not None and not set(narrower) <= set(client.scopes):
            raise OAuthError("invalid_scope", "ask for scopes that were granted")
        try:
            renewed = await self.refreshing.renew(token, client.id)
        except InvalidRefreshToken:
            raise OAuthError("invalid_grant", _BAD_REFRESH_TOKEN) from None
        family = renewed.family
        if family.audience is not None and family.audience not in client.audiences:
            raise OAuthError("invalid_grant", "this client gets no more tokens for that resource")
        granted = [scope for scope in family.scopes or () if scope in client.scopes]
        return await self._for_person(
            renewed.identity,
            family,
            scopes=granted if narrower is None else [one for one in granted if one in narrower],
            refresh_token=renewed.refresh_token,
        )

    async def _of_client(self, client: OAuthClient, parameters: Parameters) -> TokenAnswer:
        """Give the client a token of its own, with a session, so that it can be revoked like any other."""
        registered = registration_of(client)
        own = [scope for scope in client.scopes if scope not in IDENTITY_SCOPES]
        scopes: Sequence[str] = own
        if "scope" in parameters:
            scopes = requested_scopes(parameters, registered)
            if not set(scopes) <= set(own):
                raise OAuthError("invalid_scope", "nobody is logged in: ask for no identity")
        audience = requested_audience(parameters, registered)
        now = self.clock.now()
        session = SessionRecord(
            session_id=new_id("ses"),
            user_id=client.id,
            home_region=self.region,
            client_id=client.id,
            created_at=now,
            auth_time=now,
        )
        token = await self.tokens.mint_for_client(session, scopes, audience)
        lifetime = int(ACCESS_TOKEN_LIFETIME.total_seconds())
        await self.sessions.put(session.session_id, session, lifetime, now + ACCESS_TOKEN_LIFETIME)
        # Whoever switches a client off commits first and deletes its records then.
        if not await self.clients.note_own_session(client.id, session.session_id):
            await self.sessions.delete(session.session_id)
            raise OAuthError("invalid_client", "the client was switched off", 401)
        return _answer(token, scopes)

    async def _for_person(
        self,
        identity: Identity,
        family: RefreshFamily,
        *,
        scopes: Sequence[str] | None = None,
        nonce: str | None = None,
        refresh_token: str | None,
    ) -> TokenAnswer:
        given = granted_to(family.scopes or () if scopes is None else scopes, identity.roles)
        access_token = await self.tokens.mint(identity, family, given)
        id_token = None
        if OPENID in given:
            id_token = await self.id_tokens.mint(family, access_token, nonce)
        await self.refreshing.record(family)
        return _answer(access_token, given, refresh_token=refresh_token, id_token=id_token)


def _answer(
    access_token: str,
    scopes: Sequence[str],
    *,
    refresh_token: str | None = None,
    id_token: str | None = None,
) -> TokenAnswer:
    return TokenAnswer(
        access_token=access_token,
        token_type="Bearer",  # noqa: S106 - the scheme's name (RFC 6750)
        expires_in=int(ACCESS_TOKEN_LIFETIME.total_seconds()),
        scope=" ".join(scopes),
        refresh_token=refresh_token,
        id_token=id_token,
    )

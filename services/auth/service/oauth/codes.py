"""Codes redeemed: each once, by the client it was made for, with the secret its request hashed."""

from dataclasses import dataclass
from typing import Final

from libs.audit.log import AuditLog
from libs.cache.sessions import SessionStore, SessionStoreUnavailable
from libs.database.session import Database
from libs.ids import new_id
from libs.observability.logging import get_logger
from services.auth.domain.oauth.clients import ACTIVE
from services.auth.domain.oauth.pkce import proves
from services.auth.domain.oauth.scopes import REFRESH_TOKEN, granted_to
from services.auth.errors import OAuthError
from services.auth.models import AuthorizationCode, Identity, OAuthClient, RefreshFamily
from services.auth.repository import (
    BrowserLogin,
    BrowserLoginRepository,
    ClientRepository,
    ClientSessionRepository,
    CodeRepository,
    Derived,
    FamilyRepository,
    PresentedCode,
)
from services.auth.service.minting import hash_of, new_opaque_token

_BAD_CODE: Final = "the code is unknown, used, expired or was not made for this request"

_log = get_logger(__name__)


@dataclass(frozen=True)
class Redemption:
    """What a client sends to redeem a code."""

    client: OAuthClient
    code: str
    verifier: str
    redirect_uri: str | None


@dataclass(frozen=True)
class Redeemed:
    """The session that began, who is behind it, and what its client keeps to renew it."""

    identity: Identity
    family: RefreshFamily
    nonce: str | None
    refresh_token: str | None


@dataclass(frozen=True)
class Codes:
    """Redeems codes."""

    database: Database
    sessions: SessionStore

    async def redeem(self, redemption: Redemption) -> Redeemed:
        """Begin the client's session.

        A code that comes twice was stolen on one of the two ways, so the session it began ends (RFC 6749 section 4.1.2).

        Raises:
            OAuthError: whatever is wrong with the code; `invalid_grant`.
        """
        client = redemption.client
        async with self.database.transaction() as session:
            codes, held = CodeRepository(session), ClientSessionRepository(session)
            presented = await codes.find_locked(hash_of(redemption.code))
            if presented is None or presented.code.client_id != client.id:
                raise _refused()
            begun = presented.code.session_id
            if begun is None:
                login = await BrowserLoginRepository(session).find_by_id(presented.code.login_id)
                active = await _is_active(ClientRepository(session), client)
                if not active or login is None or not _is_good(redemption, presented):
                    raise _refused()
                family = await held.derive(login.family, _session_of(presented.code, login))
                await codes.mark_used(presented.code, family.session_id)
                await AuditLog(session).record(
                    "session.started", family.user_id, family.session_id, client=client.id
                )
                token = await _first_refresh_token(FamilyRepository(session), client, family)
                return Redeemed(login.identity, family, presented.code.nonce, token)
            await held.end(client.id, begun, "code_replayed")
            audit = AuditLog(session)
            await audit.record("code.replayed", f"client:{client.id}", begun, "refused")
        _log.warning("authorization_code_replayed", client_id=client.id, session_id=begun)
        try:
            await self.sessions.delete(begun)
        except SessionStoreUnavailable:
            _log.warning("session_record_left", session_id=begun)
        raise _refused()


async def _is_active(clients: ClientRepository, client: OAuthClient) -> bool:
    """Look once more, and keep it so: the client proved itself before this transaction and may be switched off."""
    known = await clients.find_shared(client.id)
    return known is not None and known.status == ACTIVE


def _session_of(code: AuthorizationCode, login: BrowserLogin) -> Derived:
    return Derived(
        id=new_id("fam"),
        session_id=new_id("ses"),
        client_id=code.client_id,
        scopes=list(granted_to(code.scopes, login.identity.roles)),
        audience=code.audience,
    )


async def _first_refresh_token(
    families: FamilyRepository, client: OAuthClient, family: RefreshFamily
) -> str | None:
    if REFRESH_TOKEN not in client.grants:
        return None
    token, token_hash = new_opaque_token()
    await families.issue(family.id, token_hash, parent_hash=None)
    return token


def _is_good(redemption: Redemption, presented: PresentedCode) -> bool:
    code = presented.code
    return (
        presented.now < code.expires_at
        and redemption.redirect_uri in {None, code.redirect_uri}
        and proves(redemption.verifier, code.code_challenge)
    )


def _refused() -> OAuthError:
    return OAuthError("invalid_grant", _BAD_CODE)

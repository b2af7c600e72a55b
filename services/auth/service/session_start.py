"""Beginning a session, however its owner proved who they are."""

from dataclasses import dataclass

from libs.cache.sessions import SessionStore
from libs.errors import DomainError
from libs.ids import new_id
from libs.observability.logging import get_logger
from services.auth.domain.proofs import Proof
from services.auth.models import Identity, RefreshFamily
from services.auth.repository import NewLogin, Unit, Units
from services.auth.service.clients import Client, network_hash
from services.auth.service.minting import (
    FIRST_PARTY_CLIENT,
    AccessTokens,
    IssuedTokens,
    new_opaque_token,
)
from services.auth.service.sessions import put_record

_log = get_logger(__name__)


@dataclass(frozen=True)
class Begun:
    """A session that counts once its transaction is committed, and whose tokens nobody has yet."""

    identity: Identity
    family: RefreshFamily
    refresh_token: str


@dataclass(frozen=True)
class SessionStart:
    """Turns a proved identity into a session, and when that is committed, into tokens and a session record."""

    units: Units
    sessions: SessionStore
    tokens: AccessTokens
    address_secret: bytes

    async def begin(self, unit: Unit, identity: Identity, client: Client, proof: Proof) -> Begun:
        """Start a session in the transaction that holds the account and has judged the proof."""
        refresh_token, token_hash = new_opaque_token()
        login = NewLogin(
            id=new_id("fam"),
            session_id=new_id("ses"),
            user_id=identity.id,
            home_region=identity.home_region,
            client_id=FIRST_PARTY_CLIENT,
            user_agent=client.user_agent,
            address_hash=network_hash(self.address_secret, client),
            acr=proof.acr,
            amr=list(proof.amr),
        )
        family = await unit.families.start(login, token_hash)
        await unit.audit.record(
            "session.started", identity.id, family.session_id, amr="+".join(proof.amr)
        )
        return Begun(identity, family, refresh_token)

    async def hand_out(self, begun: Begun) -> IssuedTokens:
        """Return the tokens of a session whose beginning is committed.

        Raises:
            SessionStoreUnavailable: Redis is away; the session is ended again.
            SigningKeysUnavailable: there is no key to sign with yet; the session is ended again.
        """
        identity, family = begun.identity, begun.family
        try:
            access_token = await self.tokens.mint(identity, family)
            await put_record(self.units, self.sessions, family)
        except DomainError:  # nobody gets these tokens, so the login must not show in the list
            async with self.units.begin() as unit:
                await unit.families.end(identity.id, "not_delivered", session_id=family.session_id)
            raise
        _log.info("logged_in", user_id=identity.id, session_id=family.session_id, amr=family.amr)
        return IssuedTokens(access_token, begun.refresh_token, family.session_id)

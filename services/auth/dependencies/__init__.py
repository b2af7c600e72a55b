"""Builds what routes work with; what is about credentials, in a module of its own."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from libs.cache.rate_limit import Policy, RateLimiter, network_of
from libs.contracts.auth import AuthErasureCompleted
from libs.database.session import SessionDep
from libs.erasure.part import ErasurePart
from libs.flags.flags import Flags
from libs.observability.logging import get_logger
from libs.runtime.resources import Resources, ResourcesDep
from libs.security.dependencies import (
    authenticated,
    authenticated_live,
    recently_authenticated,
    service_caller,
)
from libs.security.principal import Principal
from libs.security.scopes import ACCOUNT_MANAGE
from libs.security.tokens import JwksCache
from services.auth.domain.accounts import SHOP_NAME
from services.auth.errors import SigningKeysUnavailable
from services.auth.repository import Units, unit_of
from services.auth.repository.erasure import remove_identity
from services.auth.service.accounts import AccountService
from services.auth.service.clients import Client
from services.auth.service.closing import AccountClosing, AccountErasure
from services.auth.service.ending import SessionEnding
from services.auth.service.key_rotation import KeyRotation
from services.auth.service.keyring import Keyring
from services.auth.service.logins import LoginService
from services.auth.service.minting import AccessTokens
from services.auth.service.passwords import Passwords
from services.auth.service.relying_party import RelyingParty
from services.auth.service.sealing import KeyEncryption, PrivateKeys
from services.auth.service.session_start import SessionStart
from services.auth.service.sessions import SessionService
from services.auth.service.throttle import Throttle
from services.auth.service.turns import Turns
from services.auth.settings import AuthSettings

_LONGEST_USER_AGENT = 200

_log = get_logger(__name__)


@dataclass(frozen=True)
class AuthParts:
    """What auth holds for the life of the process, besides the common resources."""

    keyring: Keyring
    passwords: Passwords
    turns: Turns
    relying_party: RelyingParty


def build_parts(resources: Resources) -> AuthParts:
    """Assemble the parts.

    Raises:
        ValueError: the key-encryption key is too short.
    """
    settings = resources.settings_as(AuthSettings)
    return AuthParts(
        keyring=Keyring(resources.database, build_private_keys(resources), settings.region),
        passwords=Passwords(settings.password_hash_threads, settings.password_hash_queue),
        turns=Turns(),
        relying_party=_relying_party(settings),
    )


def build_private_keys(resources: Resources) -> PrivateKeys:
    """Return what wraps the private halves of signing keys."""
    older = resources.settings_as(AuthSettings).signing_key_encryption_key
    return PrivateKeys(
        resources.master_key, None if older is None else KeyEncryption(older.get_secret_value())
    )


def build_key_rotation(resources: Resources) -> KeyRotation:
    """Assemble what changes this region's signing keys."""
    return KeyRotation(
        resources.database,
        build_private_keys(resources),
        resources.settings.region,
        resources.clock,
    )


async def verify_with_own_keys(resources: Resources, keyring: Keyring) -> None:
    """Let auth verify tokens with the keys it holds, so that it need not ask itself over HTTP first."""
    keys = resources.verifier.keys
    try:
        if isinstance(keys, JwksCache):
            keys.prime({"keys": await keyring.public_keys()})
    except SigningKeysUnavailable:
        _log.warning("started_without_signing_keys")


def build_account_service(resources: Resources, session: AsyncSession) -> AccountService:
    """Assemble the account use cases over one transaction."""
    unit = unit_of(session, resources.outbox(session), resources.audit(session))
    return AccountService(unit, resources.settings.region)


def build_account_closing(resources: Resources) -> AccountClosing:
    """Assemble what closes an account for good; it opens transactions of its own."""
    return AccountClosing(Units(resources.database, resources.outbox), resources.sessions)


def build_account_erasure(resources: Resources) -> AccountErasure:
    """Assemble auth's part of an erasure."""
    return AccountErasure(
        closing=build_account_closing(resources),
        part=ErasurePart(remove_identity, AuthErasureCompleted),
        database=resources.database,
        outbox_of=resources.outbox,
    )


def build_throttle(settings: AuthSettings, limiter: RateLimiter) -> Throttle:
    """Return the limits on attempts, as configured."""
    failures = settings.login_failures_per_account
    return Throttle(
        limiter,
        per_address=Policy("login-address", settings.login_attempts_per_address, 60),
        registrations=Policy("register-address", settings.registrations_per_address, 60),
        per_account=Policy("login-account", failures, 300),
        per_account_and_day=Policy("login-account-day", 10 * failures, 86_400),
        per_stranger=Policy("login-stranger", failures, 1_800),
        per_administrator=Policy("login-stranger", min(failures, 10), 1_800),
        mails_per_account=Policy("mails-account", settings.mails_per_account, 3_600),
        mails_altogether=Policy("mails-altogether", max(2, settings.mails_per_account // 2), 300),
    )


def _relying_party(settings: AuthSettings) -> RelyingParty:
    issuer = urlsplit(settings.issuer)
    origins = [origin.strip() for origin in settings.webauthn_origins.split(",") if origin.strip()]
    return RelyingParty(
        rp_id=settings.webauthn_rp_id or issuer.hostname or "localhost",
        name=SHOP_NAME,
        origins=origins or [f"{issuer.scheme}://{issuer.netloc}"],
    )


def access_tokens(resources: Resources, keyring: Keyring) -> AccessTokens:
    """Return what writes access tokens."""
    settings = resources.settings
    return AccessTokens(keyring, resources.clock, settings.issuer, settings.audience)


async def auth_parts(request: Request) -> AuthParts:
    """Hand auth's own parts to a dependency."""
    parts: AuthParts = request.app.state.auth
    return parts


PartsDep = Annotated[AuthParts, Depends(auth_parts)]


async def account_service(resources: ResourcesDep, session: SessionDep) -> AccountService:
    """Give a request the account use cases."""
    return build_account_service(resources, session)


async def account_closing(resources: ResourcesDep) -> AccountClosing:
    """Give a request what closes accounts; no session is opened for it."""
    return build_account_closing(resources)


async def throttle(resources: ResourcesDep) -> Throttle:
    """Give a request the limits on attempts."""
    return build_throttle(resources.settings_as(AuthSettings), resources.rate_limiter)


ThrottleDep = Annotated[Throttle, Depends(throttle)]


async def auth_settings(resources: ResourcesDep) -> AuthSettings:
    """Give a request what auth was told."""
    return resources.settings_as(AuthSettings)


async def flags(resources: ResourcesDep) -> Flags:
    """Tell a request what is turned off."""
    return resources.flags


async def units(resources: ResourcesDep) -> Units:
    """Give a request transactions of its own."""
    return Units(resources.database, resources.outbox)


async def session_ending(resources: ResourcesDep) -> SessionEnding:
    """Give a request what ends sessions in Redis."""
    return SessionEnding(resources.sessions)


UnitsDep = Annotated[Units, Depends(units)]
SessionEndingDep = Annotated[SessionEnding, Depends(session_ending)]


async def session_service(
    resources: ResourcesDep, parts: PartsDep, transactions: UnitsDep
) -> SessionService:
    """Give a request the session use cases."""
    tokens = access_tokens(resources, parts.keyring)
    return SessionService(transactions, resources.sessions, tokens, parts.turns)


async def session_start(
    resources: ResourcesDep, parts: PartsDep, transactions: UnitsDep
) -> SessionStart:
    """Give a request what begins sessions."""
    return SessionStart(
        transactions,
        resources.sessions,
        access_tokens(resources, parts.keyring),
        resources.settings.signing_secret.get_secret_value().encode(),
    )


SessionStartDep = Annotated[SessionStart, Depends(session_start)]


async def login_service(
    resources: ResourcesDep,
    parts: PartsDep,
    transactions: UnitsDep,
    start: SessionStartDep,
    limits: ThrottleDep,
) -> LoginService:
    """Give a request the login use case."""
    return LoginService(
        units=transactions,
        sessions=resources.sessions,
        passwords=parts.passwords,
        start=start,
        throttle=limits,
        refusals=resources.refusals,
    )


async def client_of(request: Request) -> Client:
    """Tell where a request comes from; the server has already looked behind our own proxies."""
    network = network_of(request.client.host) if request.client is not None else "unknown"
    user_agent = request.headers.get("user-agent", "").encode("ascii", "replace").decode()
    return Client(network, user_agent[:_LONGEST_USER_AGENT])


_just_proved = recently_authenticated(ACCOUNT_MANAGE)

LoggedIn = Annotated[Principal, Depends(authenticated(ACCOUNT_MANAGE))]


async def ending_session(request: Request, session_id: str, caller: LoggedIn) -> Principal:
    """Demand a recent proof of whoever ends another session than the one that asks: leaving takes none.

    Raises:
        StepUpRequired: the proof is older than five minutes, or was not the second factor.
        SessionEnded: the session that asks is over.
        SessionStoreUnavailable: that cannot be known.
    """
    if session_id == caller.session_id:
        return caller
    return await _just_proved(request, None)


AccountServiceDep = Annotated[AccountService, Depends(account_service)]
AccountClosingDep = Annotated[AccountClosing, Depends(account_closing)]
SessionServiceDep = Annotated[SessionService, Depends(session_service)]
LoginServiceDep = Annotated[LoginService, Depends(login_service)]
ClientDep = Annotated[Client, Depends(client_of)]
LiveSession = Annotated[Principal, Depends(authenticated_live(ACCOUNT_MANAGE))]
AuthSettingsDep = Annotated[AuthSettings, Depends(auth_settings)]
FlagsDep = Annotated[Flags, Depends(flags)]
RecentlyProved = Annotated[Principal, Depends(_just_proved)]
EndingSession = Annotated[Principal, Depends(ending_session)]
AccountsRead = Annotated[Principal, Depends(authenticated_live("identity:admin"))]
AccountsAdmin = Annotated[Principal, Depends(recently_authenticated("identity:admin"))]
CallingService = Annotated[str, Depends(service_caller())]

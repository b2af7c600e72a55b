"""Authorization requests: judged, shown to the person they ask, and turned into codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from libs.audit.log import AuditLog
from libs.database.session import Database
from libs.security.principal import ACR_MFA
from services.auth.domain.oauth.parameters import Parameters, parse_parameters
from services.auth.domain.oauth.redirects import is_registered, with_parameters
from services.auth.domain.oauth.requests import (
    LONGEST_OPAQUE,
    AuthorizationRequest,
    Registration,
    read_request,
)
from services.auth.domain.oauth.scopes import granted_to
from services.auth.errors import OAuthError, UnusableRequest
from services.auth.models import OAuthClient
from services.auth.repository import (
    BrowserLogin,
    CodeRepository,
    ConsentRepository,
    IdentityRepository,
    NewCode,
)
from services.auth.service.minting import new_opaque_token
from services.auth.service.oauth.clients import Clients
from services.auth.service.oauth.id_tokens import OwnTokens

CODE_LIFETIME: Final = timedelta(seconds=60)


class Step(StrEnum):
    """What is still missing before the client gets its code."""

    LOGIN = "login"
    CONSENT = "consent"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Asked:
    """A good request, of a known client, with the address its answer goes to."""

    client: OAuthClient
    request: AuthorizationRequest
    redirect_uri: str
    state: str | None
    hinted_user: str | None


class Refused(Exception):
    """The client is told no, at its registered address."""

    def __init__(self, location: str) -> None:
        super().__init__("refused")
        self.location = location


@dataclass(frozen=True)
class Authorizations:
    """Takes a request from the first look to the code."""

    database: Database
    clients: Clients
    own_tokens: OwnTokens
    issuer: str

    async def read(self, query: str) -> Asked:
        """Judge a request.

        Raises:
            UnusableRequest: client or address are not to be trusted, so the browser stays here.
            Refused: anything else; where to send the browser says why.
        """
        try:
            parameters = parse_parameters(query)
        except OAuthError as error:
            raise UnusableRequest(
                f"The application sent a bad request: {error.description}."
            ) from error
        client, redirect_uri = await self._receiver(parameters)
        state = parameters.get("state")
        if state is not None and len(state) > LONGEST_OPAQUE:
            state = None
        try:
            request = read_request(parameters, registration_of(client))
            hinted = await self._hinted_user(parameters)
        except OAuthError as error:
            raise Refused(self._refusal(redirect_uri, state, error)) from error
        return Asked(client, request, redirect_uri, state, hinted)

    async def next_step(self, asked: Asked, login: BrowserLogin | None, *, fresh: bool) -> Step:
        """Tell what has to be asked of the person; `fresh` says that they logged in for this very request.

        Raises:
            Refused: the client forbade to ask, or somebody else than it means has logged in.
        """
        step = Step.NOTHING
        if login is None or _must_prove_anew(asked, login, fresh=fresh):
            step = Step.LOGIN
        elif await self._must_ask(asked, login):
            step = Step.CONSENT
        in_vain = fresh and step is Step.LOGIN
        if in_vain or (asked.request.silent and step is not Step.NOTHING):
            raise Refused(
                self.refusal(asked, f"{step.value}_required", "the person has to act first")
            )
        return step

    async def allow(self, asked: Asked, login: BrowserLogin) -> None:
        """Note that the person allows the client what it asks for."""
        async with self.database.transaction() as session:
            scopes = self.scopes_for(asked, login)
            user_id, client_id = login.identity.id, asked.client.id
            await ConsentRepository(session).give(user_id, client_id, scopes)
            await AuditLog(session).record(
                "consent.given", user_id, client_id, scopes=" ".join(scopes)
            )

    async def issue_code(self, asked: Asked, login: BrowserLogin) -> str:
        """Return where to send the browser with a code that is good for a minute, once, for this client alone.

        The account is held: whoever takes a consent back meanwhile finds the code, or is found here.

        Raises:
            Refused: the person has just taken back what they had allowed.
        """
        code, code_hash = new_opaque_token()
        async with self.database.transaction() as session:
            await IdentityRepository(session).find_locked(login.identity.id)
            if not await self._is_allowed(ConsentRepository(session), asked, login):
                raise Refused(self.refusal(asked, "access_denied", "the consent was taken back"))
            new = NewCode(
                code_hash=code_hash,
                client_id=asked.client.id,
                login_id=login.family.id,
                redirect_uri=asked.redirect_uri,
                scopes=list(self.scopes_for(asked, login)),
                audience=asked.request.audience,
                nonce=asked.request.nonce,
                code_challenge=asked.request.code_challenge,
            )
            await CodeRepository(session).add(new, CODE_LIFETIME)
        return self._answer(asked.redirect_uri, {"code": code, "state": asked.state})

    @staticmethod
    def scopes_for(asked: Asked, login: BrowserLogin) -> tuple[str, ...]:
        """Return what the client asks for of what this person has to give."""
        return granted_to(asked.request.scopes, login.identity.roles)

    def refusal(self, asked: Asked, error: str, description: str) -> str:
        """Return where to send the browser with a refusal."""
        return self._refusal(asked.redirect_uri, asked.state, OAuthError(error, description))

    async def _receiver(self, parameters: Parameters) -> tuple[OAuthClient, str]:
        client = await self.clients.find_active(parameters.get("client_id", ""))
        if client is None:
            raise UnusableRequest("The application is not known here.")
        redirect_uri = parameters.get("redirect_uri", "")
        if not is_registered(redirect_uri, client.redirect_uris):
            raise UnusableRequest(
                "The application did not register the address you would return to."
            )
        return client, redirect_uri

    async def _hinted_user(self, parameters: Parameters) -> str | None:
        hint = parameters.get("id_token_hint")
        if hint is None:
            return None
        claims = await self.own_tokens.id_token(hint)
        if claims is None:
            raise OAuthError("invalid_request", "id_token_hint is not an ID token of this issuer")
        return str(claims.get("sub"))

    async def _must_ask(self, asked: Asked, login: BrowserLogin) -> bool:
        if "consent" in asked.request.prompt:
            return True
        async with self.database.transaction() as session:
            return not await self._is_allowed(ConsentRepository(session), asked, login)

    async def _is_allowed(
        self, consents: ConsentRepository, asked: Asked, login: BrowserLogin
    ) -> bool:
        if asked.client.trusted:
            return True
        given = await consents.given(login.identity.id, asked.client.id)
        return set(self.scopes_for(asked, login)) <= given

    def _refusal(self, redirect_uri: str, state: str | None, error: OAuthError) -> str:
        words = {"error": error.error, "error_description": error.description, "state": state}
        return self._answer(redirect_uri, words)

    def _answer(self, redirect_uri: str, words: Mapping[str, str | None]) -> str:
        """Add who answers (RFC 9207), so that a client of several providers cannot be confused about it."""
        return with_parameters(redirect_uri, {**words, "iss": self.issuer})


def registration_of(client: OAuthClient) -> Registration:
    """Return what of a client decides over its requests."""
    return Registration(client.scopes, client.audiences)


def _must_prove_anew(asked: Asked, login: BrowserLogin, *, fresh: bool) -> bool:
    if asked.hinted_user is not None and asked.hinted_user != login.identity.id:
        return True
    if fresh:
        return False
    request = asked.request
    age = (login.now - login.family.auth_time).total_seconds()
    too_old = request.max_age is not None and age > request.max_age
    # acr_values is a wish (OpenID Connect Core 1.0 section 5.5.1.1): one more login may fulfil it, then it is let go.
    too_weak = ACR_MFA in request.acr_values and login.family.acr != ACR_MFA
    return request.wants_login or too_old or too_weak

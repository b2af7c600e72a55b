"""Bodies of OAuth 2.1 and OpenID Connect."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from libs.audit.log import ANONYMOUS, SYSTEM
from libs.web.strict import RequestModel, ResponseModel
from services.auth.domain.oauth.redirects import LONGEST_URI, checked_redirect_uri
from services.auth.domain.oauth.scopes import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    REFRESH_TOKEN,
    known_scopes,
)

MOST_ENTRIES = 20


_TAKEN: Final = frozenset({SYSTEM, ANONYMOUS})
_PEOPLE: Final = "usr_"


def _free_id(client_id: str) -> str:
    """Refuse what logs and tokens mean somebody else by."""
    if client_id in _TAKEN or client_id.startswith(_PEOPLE):
        raise ValueError("stands for somebody else: choose another id")
    return client_id


def _known_scope(scope: str) -> str:
    if scope not in known_scopes():
        raise ValueError("must be a scope the discovery document lists")
    return scope


ClientId = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9._-]{3,99}$", examples=["storefront"]),
    AfterValidator(_free_id),
]
Uri = Annotated[str, Field(max_length=LONGEST_URI), AfterValidator(checked_redirect_uri)]
Scope = Annotated[str, AfterValidator(_known_scope)]
Grant = Literal["authorization_code", "refresh_token", "client_credentials"]
Audience = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:/._-]{0,199}$")]


class ClientRegistration(RequestModel):
    """An application that shall log people in here, or get tokens of its own."""

    client_id: ClientId
    name: Annotated[str, Field(min_length=1, max_length=100)]
    confidential: bool
    """Whether it can keep a secret: a server can, a page or an application on a device cannot."""
    redirect_uris: Annotated[list[Uri], Field(default_factory=list, max_length=MOST_ENTRIES)]
    post_logout_redirect_uris: Annotated[
        list[Uri], Field(default_factory=list, max_length=MOST_ENTRIES)
    ]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=MOST_ENTRIES)]
    grants: Annotated[list[Grant], Field(min_length=1)]
    audiences: Annotated[list[Audience], Field(default_factory=list, max_length=MOST_ENTRIES)]
    """Whom its tokens may be for, the usual one first; our own API without one."""
    trusted: bool = False
    """One of our own applications: nobody is asked whether it may."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if CLIENT_CREDENTIALS in self.grants and not self.confidential:
            raise ValueError("client_credentials needs a confidential client")
        if REFRESH_TOKEN in self.grants and AUTHORIZATION_CODE not in self.grants:
            raise ValueError("refresh_token needs authorization_code")
        if (AUTHORIZATION_CODE in self.grants) != bool(self.redirect_uris):
            raise ValueError("redirect_uris and authorization_code need each other")
        return self


class ClientView(ResponseModel):
    """An application as it is registered; its secret is known to nobody here."""

    client_id: str
    name: str
    confidential: bool
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    scopes: list[str]
    grants: list[str]
    audiences: list[str]
    trusted: bool
    status: str
    created_at: datetime


class ClientList(ResponseModel):
    """Every registered application, by id."""

    items: list[ClientView]


class ClientCredentials(ResponseModel):
    """A client's id and new secret, shown this once; a public client has none."""

    client_id: str
    client_secret: str | None


class ConsentView(ResponseModel):
    """What you allowed one application. `last_used_at` is null when it was not used in the last weeks."""

    client_id: str
    name: str
    scopes: list[str]
    granted_at: datetime
    last_used_at: datetime | None


class TokenAnswer(ResponseModel):
    """What a grant is exchanged for (RFC 6749 section 5.1, OpenID Connect Core 1.0 section 3.1.3.3)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None


class OAuthProblem(ResponseModel):
    """A refusal in the words of RFC 6749 section 5.2."""

    error: str
    error_description: str


class Introspection(ResponseModel):
    """What a token says, as long as it is good; of any other nothing but `active` (RFC 7662 section 2.2)."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    exp: int | None = None
    iat: int | None = None
    sid: str | None = None
    acr: str | None = None
    auth_time: int | None = None


class UserInfo(ResponseModel):
    """Who the token's user is, as far as its scopes tell (OpenID Connect Core 1.0 section 5.1)."""

    sub: str
    name: str | None = None
    email: str | None = None
    email_verified: bool | None = None


class BrowserSession(ResponseModel):
    """The login of this browser, and the token its next writing request carries in `X-CSRF-Token`."""

    user_id: str
    session_id: str
    auth_time: datetime
    csrf_token: str


class BrowserAccessToken(ResponseModel):
    """An access token for a page to keep in memory, five minutes at most."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int

"""Bodies of requests and answers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, StringConstraints

from libs.web.strict import RequestModel, ResponseModel
from services.auth.domain import (
    LONGEST_EMAIL,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    normalised_email,
    normalised_password,
)


def _new_password(password: SecretStr) -> SecretStr:
    return SecretStr(normalised_password(password.get_secret_value()))


Email = Annotated[
    str,
    Field(max_length=LONGEST_EMAIL, examples=["ada@example.com"]),
    AfterValidator(normalised_email),
]
NewPassword = Annotated[
    SecretStr,
    Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD),
    AfterValidator(_new_password),
]
DisplayName = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


class Registration(RequestModel):
    """A new account. Spaces around a password are part of it."""

    model_config = ConfigDict(str_strip_whitespace=False)

    email: Email
    password: NewPassword
    display_name: DisplayName


class Registered(ResponseModel):
    """The new account's id."""

    user_id: str


class Login(RequestModel):
    """Credentials. Their lengths are checked by nothing but the account, so that refusals read alike."""

    model_config = ConfigDict(str_strip_whitespace=False)

    email: Annotated[str, Field(max_length=LONGEST_EMAIL)]
    password: Annotated[SecretStr, Field(max_length=LONGEST_PASSWORD)]


class Refresh(RequestModel):
    """The newest refresh token of the session."""

    refresh_token: Annotated[SecretStr, Field(max_length=200)]


class Tokens(ResponseModel):
    """An access token for five minutes and the refresh token that gets the next one, once."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    session_id: str


class SessionView(ResponseModel):
    """One login that is still live."""

    session_id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    user_agent: str
    current: bool


class SessionList(ResponseModel):
    """Where you are logged in, the newest use first."""

    items: list[SessionView]


class IdentityView(ResponseModel):
    """What other services may know about an identity."""

    user_id: str
    email: str
    display_name: str
    home_region: str
    status: str


class JsonWebKey(ResponseModel):
    """A public signature key (RFC 7517)."""

    kty: str
    use: str
    alg: str
    kid: str
    n: str
    e: str


class JsonWebKeySet(ResponseModel):
    """The keys access tokens verify with: the previous, the current and the next one of each region."""

    keys: list[JsonWebKey]


class Discovery(ResponseModel):
    """Where and how to verify our tokens (OpenID Connect Discovery 1.0)."""

    issuer: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]

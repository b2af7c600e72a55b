"""Bodies about sessions and their tokens."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr

from libs.web.strict import RequestModel, ResponseModel
from services.auth.domain.accounts import LONGEST_EMAIL
from services.auth.domain.passwords import LONGEST_PASSWORD


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

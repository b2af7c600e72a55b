"""Bodies of proving who one is."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr

from libs.web.strict import RequestModel, ResponseModel
from services.auth.domain.accounts import LONGEST_PASSWORD


class StepUp(RequestModel):
    """One proof that it is still you."""

    model_config = ConfigDict(str_strip_whitespace=False)

    password: Annotated[SecretStr, Field(max_length=LONGEST_PASSWORD)]


class SteppedUp(ResponseModel):
    """An access token for the same session whose `auth_time` is now; the refresh token stays the one you have."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int

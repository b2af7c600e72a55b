"""Bodies about accounts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, StringConstraints

from libs.web.strict import RequestModel, ResponseModel
from services.auth.domain.accounts import LONGEST_EMAIL, normalised_email
from services.auth.domain.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, normalised_password


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


class RegistrationAccepted(ResponseModel):
    """Read your mail: it says how to go on, whether you had an account or not."""

    next: Literal["read_your_mail"]


class IdentityView(ResponseModel):
    """What other services may know about an identity."""

    user_id: str
    email: str
    display_name: str
    home_region: str
    status: str

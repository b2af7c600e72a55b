"""Bodies of replacing passwords and addresses."""

from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

from libs.web.strict import RequestModel
from services.auth.domain.passwords import LONGEST_PASSWORD
from services.auth.schemas.accounts import Email, NewPassword
from services.auth.schemas.proofs import OpaqueToken


class ForgottenPassword(RequestModel):
    """Whose password is lost."""

    email: Email


class PasswordReset(RequestModel):
    """The token from the mail and the new password, spaces around it included."""

    model_config = ConfigDict(str_strip_whitespace=False)

    token: OpaqueToken
    password: NewPassword


class PasswordChange(RequestModel):
    """The new password, spaces around it included."""

    model_config = ConfigDict(str_strip_whitespace=False)

    password: NewPassword


class AddressProof(RequestModel):
    """The token from the mail; where it opens a new account, the password chosen for that as well."""

    model_config = ConfigDict(str_strip_whitespace=False)

    token: OpaqueToken
    password: Annotated[SecretStr | None, Field(max_length=LONGEST_PASSWORD)] = None


class MailToken(RequestModel):
    """The token from a mail."""

    token: OpaqueToken


class EmailChange(RequestModel):
    """The address the account shall get."""

    email: Email

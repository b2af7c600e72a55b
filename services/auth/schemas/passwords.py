"""Bodies of replacing passwords and addresses."""

from pydantic import ConfigDict

from libs.web.strict import RequestModel
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


class MailToken(RequestModel):
    """The token from a mail."""

    token: OpaqueToken


class EmailChange(RequestModel):
    """The address the account shall get."""

    email: Email
